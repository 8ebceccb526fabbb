from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.managesieve.server import ManageSieveServer
from tests.support.server import TestInstance


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as running:
        yield running


@pytest.fixture
def server(instance: TestInstance) -> ManageSieveServer:
    return ManageSieveServer(instance)
