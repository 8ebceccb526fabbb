from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from merpati.model.arrival import Options
from merpati.model.event import Event, EventKind
from merpati.services.route import AddressSettings
from merpati.store import directory, events, forwards, mailboxes
from merpati.store.engine import Transaction
from tests.support.filtering import counts, install
from tests.support.post import Post
from tests.support.server import ANA, BUDI

DORA: Final = "dora@sender.test"
TAGGED: Final = "ana+Shop@example.org"


@pytest.fixture
async def tagged(tmp_path: Path) -> AsyncIterator[Post]:
    """Subaddresses name folders; no script runs anywhere, as when a command delivers."""
    post = Post(tmp_path)
    post.addresses = AddressSettings(subaddress_folders=True)
    async with post:
        await post.store.write(mailboxes.create, post.ana.id, "Shop", 0)
        yield post


async def judged(post: Post, trace: str) -> None:
    """As the judge said when the message came in."""
    step = Event(trace, post.now, EventKind.JUDGED, "sender.test", 0, {"verdict": "quarantine"})
    await post.store.write(events.record, [step])


async def delivered(post: Post, trace: str) -> list[str]:
    async def read(tx: Transaction) -> list[str]:
        steps = await events.of_trace(tx, trace)
        return [one.detail["mailbox"] for one in steps if one.kind is EventKind.DELIVERED]

    return await post.store.read(read)


@pytest.mark.parametrize("scripts", [False, True])
async def test_a_subaddress_names_a_folder_at_once_and_from_the_queue(
    tagged: Post, scripts: bool
) -> None:
    if scripts:
        install(tagged)
    at_once = await tagged.send(DORA, TAGGED)
    later = await tagged.send(DORA, TAGGED, options=Options(hold_until=tagged.now + 60_000))
    await tagged.send(DORA, "ana+other@example.org")
    assert await counts(tagged, tagged.ana) == {"Shop": 1, "INBOX": 1}
    tagged.time.advance(61)
    await tagged.work()
    assert await counts(tagged, tagged.ana) == {"Shop": 2, "INBOX": 1}
    assert await delivered(tagged, at_once) == await delivered(tagged, later) == ["Shop"]


async def test_the_copy_that_stays_with_who_forwards_is_put_there_too(tagged: Post) -> None:
    await tagged.store.write(forwards.set_forward, tagged.ana.id, (BUDI,), keep=True)
    await tagged.send(DORA, TAGGED)
    await tagged.work()
    assert await counts(tagged, tagged.ana) == {"Shop": 1}
    assert await counts(tagged, tagged.budi) == {"INBOX": 1}


async def test_an_alias_of_one_account_has_its_folders_and_one_of_several_has_none(
    tagged: Post,
) -> None:
    for alias, target in (("a@example.org", ANA), ("b@example.org", ANA), ("b@example.org", BUDI)):
        await tagged.store.write(directory.add_alias, alias, target)
    await tagged.send(DORA, "a+Shop@example.org")
    await tagged.send(DORA, "b+Shop@example.org")
    assert await counts(tagged, tagged.ana) == {"Shop": 1, "INBOX": 1}
    assert await counts(tagged, tagged.budi) == {"INBOX": 1}


async def test_what_is_suspected_and_waited_in_the_queue_goes_to_junk(tagged: Post) -> None:
    trace = await tagged.send(DORA, TAGGED, options=Options(hold_until=tagged.now + 60_000))
    await judged(tagged, trace)
    tagged.time.advance(61)
    await tagged.work()
    assert await counts(tagged, tagged.ana) == {"Junk": 1}
    assert await delivered(tagged, trace) == ["Junk"]


async def test_where_it_is_not_wished_for_a_subaddress_names_no_folder(post: Post) -> None:
    await post.store.write(mailboxes.create, post.ana.id, "Shop", 0)
    await post.send(DORA, TAGGED)
    assert await counts(post, post.ana) == {"INBOX": 1}
