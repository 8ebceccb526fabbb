"""External lists of scripts (RFC 6134)."""

from __future__ import annotations

from typing import Final

import pytest

from merpati.model.event import EventKind
from merpati.store import mailboxes
from tests.support.filtering import activate, counts, install
from tests.support.post import Post
from tests.support.server import ANA, BUDI

DORA: Final = "dora@sender.test"
MAIL: Final = (
    b"From: Dora <dora@sender.test>\r\nTo: ana@example.org\r\nSubject: Lunch\r\n"
    b"Message-ID: <1@sender.test>\r\n\r\nAt noon?\r\n"
)


@pytest.fixture
def filtered(post: Post) -> Post:
    install(post)
    return post


@pytest.mark.parametrize(
    "name",
    [":addrbook:default", ":AddrBook:%44%65%66ault", "urn:ietf:params:sieve:addrbook:DEFAULT"],
)
async def test_the_default_address_book_has_many_names(filtered: Post, name: str) -> None:
    script = f'require ["extlists", "fileinto"]; if valid_ext_list "{name}" {{ discard; }}'
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {}


async def test_colleagues_are_a_list(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["extlists", "fileinto", "envelope"];
        if envelope :list "from" "urn:merpati:list:colleagues" { fileinto "Archive"; }
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.send(BUDI, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1, "Archive": 1}


async def test_whom_one_has_written_to_are_the_default_address_book(filtered: Post) -> None:
    script = """
        require ["extlists", "fileinto"];
        if not address :list "from" ":addrbook:default" { fileinto "Archive"; }
    """
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    sent = await filtered.store.read(mailboxes.by_role, filtered.ana.id, "sent")
    assert sent is not None
    letter = b"From: ana@example.org\r\nTo: Dora <DORA@sender.test>\r\n\r\nHello\r\n"
    await filtered.deliver(letter, mailbox_id=sent)
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.send(BUDI, ANA, message=MAIL.replace(b"dora@", b"eko@"))
    assert await counts(filtered, filtered.ana) == {"Archive": 2, "Sent": 1, "INBOX": 1}


@pytest.mark.parametrize(
    "script",
    ['redirect :list "urn:merpati:list:colleagues";',
     'if header :list "from" "tag:example.com,2026:none" { discard; }'],
)  # fmt: skip
async def test_lists_that_cannot_be_used_stop_the_script(filtered: Post, script: str) -> None:
    await activate(filtered, filtered.ana, f'require "extlists"; {script}')
    trace = await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    [step] = [one for one in await filtered.steps(trace) if one.kind is EventKind.FILTERED]
    assert "list" in step.detail["fault"]
