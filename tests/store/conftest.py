"""A store on SQLite, and a PostgreSQL server for its engine's own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.store.blobs import BlobStore
from merpati.store.sqlite import SqliteStore
from tests.support import store as stores
from tests.support.ids import CountingIds
from tests.support.postgresql import server

__all__ = ["blob_store", "server", "store"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with its schema."""
    one = await stores.sqlite(tmp_path)
    yield one
    await one.close()


@pytest.fixture
def blob_store(tmp_path: Path) -> BlobStore:
    """An empty blob folder."""
    return BlobStore(tmp_path / "blobs", CountingIds())
