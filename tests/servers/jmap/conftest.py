from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.jmap_http import Client


@pytest.fixture
async def jmap(tmp_path: Path) -> AsyncIterator[JmapInstance]:
    async with JmapInstance(tmp_path) as instance:
        yield instance


@pytest.fixture
async def client(jmap: JmapInstance) -> Client:
    return Client(jmap, Site(jmap, jmap.jmap.routes()))
