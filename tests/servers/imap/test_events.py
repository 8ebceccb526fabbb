"""Scripts of mailboxes (RFC 6785): what runs on APPEND, COPY and changes of flags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from merpati.servers.imap.session import Session, refuse
from merpati.services import imap_events
from merpati.services.scripts import Scripts
from merpati.store import metadata, places
from merpati.store.engine import Transaction
from tests.support import filtering, imap
from tests.support.post import Post

MAIL: Final = b"From: dora@sender.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    monkeypatch.setattr(imap_events, "ASKED_EVERY", 0.0)
    async with Post(tmp_path) as system:
        yield system


def serve(post: Post) -> int:
    events = filtering.install(post).events
    shared = replace(imap.services(post), events=events)
    return post.listen(lambda one: Session(one, shared, True), name="imap", refusal=refuse)


async def attach(post: Post, box: str, script: str, kind: str = "/shared") -> None:
    """A script that runs for what happens in a mailbox of Ana's."""
    await Scripts(post.store, post.clock).put(post.ana.id, "event", script.encode())

    async def put(tx: Transaction) -> None:
        place = await places.get(tx, post.ana.id, box)
        mailbox = (place.account_id, place.mailbox.id)
        await metadata.put(tx, mailbox, post.ana.id, kind + imap_events.ENTRY, b"event")

    await post.store.write(put)


async def append(client: imap.Client, box: str = "INBOX") -> None:
    await client.ok(b"APPEND %b {%d+}\r\n%b" % (box.encode(), len(MAIL), MAIL))


async def test_a_script_files_what_is_appended(post: Post) -> None:
    await attach(
        post,
        "INBOX",
        """
        require ["imapsieve", "environment", "fileinto", "imap4flags"];
        if allof(environment "imap.cause" "APPEND", environment "imap.mailbox" "INBOX",
                 environment "imap.user" "ana@example.org", environment "phase" "post") {
            fileinto :flags "\\\\Flagged" "Archive";
        }
    """,
    )
    client = await imap.Client.connect(serve(post), mailbox="INBOX")
    await append(client)
    found = await filtering.boxes(post, post.ana)
    assert {name: keywords for name, [(_, keywords)] in found.items()} == {"Archive": "$flagged"}
    await client.close()


async def test_the_implicit_keep_changes_nothing(post: Post) -> None:
    await attach(post, "INBOX", "if false { discard; }", "/private")
    client = await imap.Client.connect(serve(post), mailbox="INBOX")
    await append(client)
    assert await filtering.counts(post, post.ana) == {"INBOX": 1}
    await client.close()


async def test_flags_that_change_are_told_and_may_be_set(post: Post) -> None:
    await attach(
        post,
        "INBOX",
        """
        require ["imapsieve", "environment", "imap4flags", "fileinto", "copy"];
        if allof(environment "imap.cause" "FLAG",
                 environment :contains "imap.changedflags" "\\\\Flagged") {
            addflag "Important";
            fileinto :copy "Archive";
        }
    """,
    )
    port = serve(post)
    await post.deliver(MAIL)
    client = await imap.Client.connect(port, mailbox="INBOX")
    await client.ok(r"STORE 1 +FLAGS (\Seen)")
    assert await filtering.counts(post, post.ana) == {"INBOX": 1}
    await client.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert await filtering.counts(post, post.ana) == {"INBOX": 1, "Archive": 1}
    await client.close()


async def test_what_is_copied_and_moved_there_is_an_event(post: Post) -> None:
    await attach(
        post,
        "Trash",
        """
        require ["imapsieve", "environment"];
        if environment "imap.cause" "COPY" { discard; }
    """,
    )
    port = serve(post)
    for _ in range(2):
        await post.deliver(MAIL)
    client = await imap.Client.connect(port, mailbox="INBOX")
    await client.ok("COPY 1 Trash")
    await client.ok("MOVE 2 Trash")
    assert await filtering.counts(post, post.ana) == {"INBOX": 1}
    await client.close()


async def test_a_script_that_would_answer_somebody_does_nothing(post: Post) -> None:
    await attach(post, "INBOX", 'require "vacation"; vacation "Away."; discard;')
    client = await imap.Client.connect(serve(post), mailbox="INBOX")
    await append(client)
    assert await filtering.counts(post, post.ana) == {"INBOX": 1}
    assert await post.waiting() == []
    await client.close()


async def test_the_service_is_announced(post: Post) -> None:
    client = await imap.Client.connect(serve(post))
    [line] = await client.ok("CAPABILITY")
    assert b" IMAPSIEVE=sieve://mail.example.org" in line
    await client.close()
