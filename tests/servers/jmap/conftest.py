from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.jmap import JmapInstance


@pytest.fixture
async def jmap(tmp_path: Path) -> AsyncIterator[JmapInstance]:
    async with JmapInstance(tmp_path) as instance:
        yield instance
