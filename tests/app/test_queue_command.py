"""`merpati queue` on a queue with mail in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.store import blobs, destinations, queue, queue_admin, suppression
from merpati.store.engine import Store, Transaction
from merpati.store.queue_admin import Selection
from tests.app.conftest import Merpati
from tests.support import store as stores

HOUR = 3_600_000


def with_store(folder: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = await open_store(read_config(folder / "merpati.toml"))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


@pytest.fixture
def ids(folder: Path, merpati: Merpati) -> Iterator[list[int]]:
    """Three messages, to a.test, b.test and both; b.test cannot be reached."""
    merpati("queue", "list")  # the schema is there now
    now = int(time.time() * 1000)

    async def fill(tx: Transaction) -> list[int]:
        made = []
        for n, names in enumerate((["a.test"], ["b.test"], ["a.test", "b.test"])):
            blob_id, _ = await blobs.insert(tx, stores.body(f"m{n}"), 1)
            made.append(await queue.add(
                tx, trace=f"t{n}", blob_id=blob_id, sender=f"s{n}@a.id", account_id=0,
                smtputf8=False, received_at=now - n * HOUR, expires_at=now + 100 * HOUR, warn_at=0,
                recipients=[(f"bob@{name}", name) for name in names],
            ))  # fmt: skip
        await destinations.failed(
            tx, "b.test", now, now + HOUR, "4.4.1", "nobody answers", "mx.b.test"
        )
        return made

    made = with_store(folder, lambda store: store.write(fill))
    yield made

    async def empty(tx: Transaction) -> None:
        await queue_admin.delete(tx, Selection())
        await tx.run("DELETE FROM queue_destination")

    with_store(folder, lambda store: store.write(empty))


def test_the_list_says_why_each_waits(merpati: Merpati, ids: list[int]) -> None:
    lines = merpati("queue", "list").out.splitlines()
    assert len(lines) == 5
    assert "waits for its first try" in lines[1]
    assert "nobody answers" in lines[2]
    assert merpati("queue", "list", "--limit", "1").out.splitlines()[-1].startswith("These are")
    [one] = merpati("queue", "list", "--sender", "s1@*", "--json").json
    assert one["id"] == ids[1]
    assert one["recipients"][0]["reply"] == "nobody answers"
    older = merpati("queue", "list", "--older", "30m", "--json").json
    assert [each["id"] for each in older] == ids[1:]
    wrong = merpati("queue", "list", "--older", "soon")
    assert "--older soon" in wrong.err


def test_one_message_is_shown_whole(merpati: Merpati, ids: list[int]) -> None:
    shown = merpati("queue", "show", str(ids[2])).out
    assert "by        b.test" in shown
    assert "answer    nobody answers" in shown


def test_what_holds_a_message_is_not_said_to_be_an_answer(merpati: Merpati, ids: list[int]) -> None:
    merpati("queue", "hold", str(ids[2]), "--reason", "why not")
    shown = merpati("queue", "show", str(ids[2])).out
    assert "held      why not\n" in shown
    assert "answer    nobody answers\n" in shown
    merpati("queue", "hold", str(ids[0]), "--reason", "why not")
    assert "answer    waits for its first try\n" in merpati("queue", "show", str(ids[0])).out


def test_acts_want_to_know_on_what(merpati: Merpati, ids: list[int]) -> None:
    assert "say which" in merpati("queue", "hold").err
    assert "name a pattern" in merpati("queue", "delete", "all").err
    assert len(merpati("queue", "list", "--json").json) == len(ids)


def test_a_message_that_is_not_there_is_said_so(merpati: Merpati) -> None:
    done = merpati("queue", "hold", "4711", "--reason", "why not")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("merpati queue: nothing of that is in the queue, or all of it is so")


def test_hold_and_release_by_pattern(merpati: Merpati, ids: list[int]) -> None:
    done = merpati("queue", "hold", "--recipient", "*@a.test", "--reason", "why not")
    assert done.out == "hold: 2 recipients.\n"
    held = merpati("queue", "list", "--held", "--json").json
    assert [each["id"] for each in held] == [ids[0], ids[2]]
    assert held[0]["recipients"][0]["reason"] == "why not"
    assert "why not" in merpati("queue", "list").out
    assert merpati("queue", "status", "--json").json["held"] == 2
    assert merpati("queue", "release", "all", "--json").json["recipients"] == 2


def test_retry_tries_what_cannot_be_reached(merpati: Merpati, ids: list[int]) -> None:
    done = merpati("queue", "retry", "--destination", "b.test")
    assert done.out == "retry: 0 recipients, and 1 unreachable destinations are tried.\n"
    assert done.status == 0
    assert merpati("queue", "retry", "999").status == 1
    del ids


def test_reroute_names_a_way(merpati: Merpati, ids: list[int]) -> None:
    wrong = merpati("queue", "reroute", str(ids[1]), "--to", "http://relay.test")
    assert "is no way to send mail" in wrong.err
    way = "smtp://relay.test"
    done = merpati("queue", "reroute", str(ids[1]), "--to", way)
    assert done.out == "reroute: 1 recipients.\n"
    [one] = merpati("queue", "list", str(ids[1]), "--json").json
    assert one["recipients"][0]["destination"] == "smtp://relay.test:25"


def test_bounce_and_delete(merpati: Merpati, ids: list[int]) -> None:
    assert merpati("queue", "bounce", str(ids[0])).out == "bounce: 1 recipients.\n"
    assert merpati("queue", "delete", str(ids[1]), str(ids[2])).out == "delete: 3 recipients.\n"
    assert [each["id"] for each in merpati("queue", "list", "--json").json] == [ids[0]]


def test_destinations_show_their_trouble(merpati: Merpati, ids: list[int]) -> None:
    lines = merpati("queue", "destinations").out.splitlines()
    assert "nobody answers" in lines[1]
    first, second = merpati("queue", "destinations", "--json").json
    assert (first["destination"], first["failures"], first["waiting"]) == ("b.test", 1, 2)
    assert (second["destination"], second["failures"], second["held"]) == ("a.test", 0, 0)
    counts = merpati("queue", "status").out
    assert "for unreachable destinations 2" in counts
    del ids


def test_rules_are_made_listed_and_removed(merpati: Merpati) -> None:
    assert merpati("queue", "rules", "list").out == "No rule holds new mail.\n"
    assert "say what to hold" in merpati("queue", "rules", "add", "--reason", "x").err
    done = merpati("queue", "rules", "add", "--sender", "*@spam.test", "--reason", "a spam run")
    [rule] = merpati("queue", "rules", "list", "--json").json
    assert (rule["sender"], rule["reason"]) == ("*@spam.test", "a spam run")
    assert f"merpati queue rules remove {rule['id']}" in done.out
    assert merpati("queue", "rules", "remove", str(rule["id"])).status == 0
    assert "there is no rule" in merpati("queue", "rules", "remove", str(rule["id"])).err


def test_suppressed_addresses_are_listed_and_let_go(folder: Path, merpati: Merpati) -> None:
    assert merpati("queue", "suppressed", "list").out == "No address is suppressed.\n"

    async def suppress(tx: Transaction) -> None:
        await suppression.suppress(
            tx,
            "Bob@There.test",
            1,
            4_000_000_000_000,
            status="5.1.1",
            reply="550 nobody",
            remote="mx",
        )

    with_store(folder, lambda store: store.write(suppress))
    assert merpati("queue", "suppressed", "list", "*@there.test", "--json").json[0]["count"] == 1
    done = merpati("queue", "suppressed", "remove", "bob@there.test")
    assert (done.status, done.out) == (0, "1 addresses are sent to again.\n")
    assert merpati("queue", "suppressed", "remove", "bob@there.test").status == 1
