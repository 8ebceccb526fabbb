from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.secrets import Secret
from merpati.services.backup import prove
from merpati.services.backup.take import Source, take
from merpati.store.backup import repository as repositories
from merpati.store.backup import seal
from merpati.store.backup.folder import Folder
from merpati.store.backup.repository import open_repository
from merpati.store.blobs import BlobStore
from tests.support import store as stores
from tests.support.store import add_account

CLOCK = SystemClock()
IDS = SystemIds(CLOCK)


class Elsewhere(Folder):
    """A folder that is taken for a bucket, and looks at the store whenever it is written to."""

    def __init__(self, path: Path, database: Path) -> None:
        super().__init__(path, IDS)
        self.is_remote = True
        self.held_up: list[int] = []
        self._database = database

    def write(self, name: str, data: bytes) -> None:
        db = apsw.Connection(str(self._database))
        db.set_busy_timeout(500)  # for the thread that writes the log ahead
        ((busy, _, _),) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        self.held_up.append(busy)
        super().write(name, data)


async def test_no_transaction_is_open_while_something_goes_over_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "_COST", {"n": 2**4, "r": 8, "p": 1})
    monkeypatch.setattr(repositories, "PACK_SIZE", 200)  # every row ends a pack
    store = await stores.sqlite(tmp_path)
    account = await add_account(store, "ani@example.org")
    for n in range(20):
        await store.write(stores.add, account.id, f"letter {n}")
    place = Elsewhere(tmp_path / "backup", tmp_path / "merpati.db")
    repository = open_repository(place, IDS, Secret("burung merpati"), write=True)
    blob_store = BlobStore(tmp_path / "blobs", IDS)
    await take(Source(store, blob_store, "mail.example.org", []), repository, CLOCK)
    assert len(place.held_up) >= 8
    assert set(place.held_up) == {0}
    assert prove.prove(repository).problems == []
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
    repository.close()
    await store.close()
