from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, mailboxes, metadata
from merpati.store.engine import Store
from merpati.store.metadata import SERVER
from tests.support.store import INBOX, NOW, add_account

COMMENT = "/private/comment"


async def test_private_entries_are_each_users_own_and_shared_ones_everybodys(store: Store) -> None:
    ani, budi = await add_account(store), await add_account(store, "budi@example.org")
    box = (ani.id, INBOX)
    await store.write(metadata.put, box, ani.id, COMMENT, b"mine")
    await store.write(metadata.put, box, budi.id, COMMENT, b"his")
    await store.write(metadata.put, box, budi.id, "/shared/comment", b"\0ours")
    assert await store.read(metadata.find, box, ani.id, COMMENT) == [(COMMENT, b"mine")]
    assert await store.read(metadata.find, box, budi.id, COMMENT) == [(COMMENT, b"his")]
    (shared,) = await store.read(metadata.find, box, ani.id, "/shared/comment")
    assert shared == ("/shared/comment", b"\0ours")
    await store.write(metadata.put, box, ani.id, COMMENT, None)
    assert await store.read(metadata.find, box, ani.id, COMMENT) == []
    await store.write(directory.remove_account, budi.id)
    assert await store.read(metadata.find, box, budi.id, COMMENT) == []


async def test_depth_says_how_far_below_is_looked(store: Store) -> None:
    ani = await add_account(store)
    for name in ("/private/a", "/private/a/b", "/private/a/b/c", "/private/ab"):
        await store.write(metadata.put, SERVER, ani.id, name, name.encode())
    for depth, names in ((0, ["a"]), (1, ["a", "a/b"]), (-1, ["a", "a/b", "a/b/c"])):
        found = await store.read(metadata.find, SERVER, ani.id, "/private/a", depth)
        assert [name for name, _ in found] == [f"/private/{name}" for name in names]


async def test_annotations_go_with_their_mailbox(store: Store) -> None:
    ani = await add_account(store)
    box = await store.write(mailboxes.create, ani.id, "Work", NOW)
    await store.write(metadata.put, (ani.id, box.id), ani.id, COMMENT, b"x")
    await store.write(mailboxes.destroy, ani.id, "Work", NOW)
    assert await store.read(metadata.find, (ani.id, box.id), ani.id, COMMENT) == []


async def test_annotations_are_limited_in_size_and_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ani = await add_account(store)
    value = bytes(metadata.VALUE_MAX + 1)
    with pytest.raises(Fault) as refused:
        await store.write(metadata.put, SERVER, ani.id, COMMENT, value)
    assert refused.value.kind is Kind.TOO_LARGE
    monkeypatch.setattr(metadata, "COUNT_MAX", 2)
    for name in ("/private/a", "/private/b", "/private/a"):  # the third replaces the first
        await store.write(metadata.put, SERVER, ani.id, name, b"x")
    with pytest.raises(Fault) as refused:
        await store.write(metadata.put, SERVER, ani.id, "/private/c", b"x")
    assert refused.value.kind is Kind.TOO_MANY
