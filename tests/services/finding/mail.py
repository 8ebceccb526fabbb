"""A mailbox with real messages in it, for the tests of finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati.services.digest import digest
from merpati.services.finding.finder import Finder, Source
from merpati.store import emails
from merpati.store.blobs import BlobStore
from tests.support import store as stores
from tests.support.ids import CountingIds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from merpati.base.tasks import Tasks
    from merpati.store.engine import Store, Transaction

DAY: int = 86_400_000


class Mail:
    """An account's INBOX, filled with `add`; with `tasks`, pages are made beside searches."""

    def __init__(
        self, store: Store, folder: Path, account_id: int, tasks: Tasks | None = None
    ) -> None:
        self.store = store
        self.account_id = account_id
        self.blobs = BlobStore(folder / "blobs", CountingIds())
        self.finder = Finder(store, self.blobs, tasks=tasks)
        self.uids: list[int] = []

    @classmethod
    async def open(cls, folder: Path, tasks: Tasks | None = None) -> Mail:
        store = await stores.sqlite(folder)
        account = await stores.add_account(store)
        return cls(store, folder, account.id, tasks)

    async def add(
        self, *messages: bytes, keywords: Sequence[str] = (), received_at: int = stores.NOW
    ) -> list[int]:
        """Messages come; their UIDs. `keywords`: of each in turn, else none."""

        async def unit(tx: Transaction) -> list[int]:
            uids = []
            for n, message in enumerate(messages):
                words = keywords[n] if n < len(keywords) else ""
                placement = emails.Placement(self.account_id, stores.INBOX, words)
                added = await emails.add(
                    tx, self.blobs.inline(message), digest(message, received_at + n),
                    [placement], received_at + n,
                )  # fmt: skip
                uids.append(added.placed[0].uid)
            return uids

        uids = await self.store.write_long(unit)
        self.uids += uids
        return uids

    async def remove(self, *uids: int) -> None:
        await self.store.write(emails.remove, self.account_id, stores.INBOX, uids)
        self.uids = [uid for uid in self.uids if uid not in uids]

    @property
    def source(self) -> Source:
        return Source(self.account_id, stores.INBOX, self.uids)


def message(body: str = "hello", **fields: str) -> bytes:
    """A message; `message_id` becomes Message-ID."""
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", body, ""]).encode()
