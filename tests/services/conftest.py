"""A whole mail system for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.post import Post


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        log = system.logged()
        assert "task.failed" not in log, log
        assert "queue.failed" not in log, log
