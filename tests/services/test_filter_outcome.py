from __future__ import annotations

from typing import Final

import pytest

from merpati.base.faults import Fault
from merpati.model.arrival import RecipientOptions
from merpati.services.scripts import SieveSettings
from tests.support.filtering import activate, counts, install
from tests.support.post import Post
from tests.support.server import ANA, BUDI

DORA: Final = "dora@sender.test"
CARL: Final = "carl@there.test"
MAIL: Final = (
    b"From: Dora <dora@sender.test>\r\nTo: ana@example.org\r\nSubject: Lunch\r\n"
    b"Message-ID: <1@sender.test>\r\n\r\nAt noon?\r\n"
)
DAY: Final = 86_400


@pytest.fixture
def filtered(post: Post) -> Post:
    install(post)
    return post


async def test_redirected_mail_goes_on_as_forwarded_mail_does(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    await activate(filtered, filtered.ana, f'redirect "{CARL}";')
    trace = await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {}
    await filtered.work()
    [sent] = sink.messages
    assert sent.sender.startswith("SRS0=")
    assert sent.content.startswith(b"Delivered-To: ana@example.org\r\n")
    assert sent.content.endswith(MAIL)
    assert "sent" in await filtered.kinds(trace)


@pytest.mark.parametrize(
    ("extension", "wish"),
    [
        ("redirect-dsn", ':notify "FAILURE"'),
        ("redirect-deliverby", ':bytimerelative 600 :bymode "notify"'),
    ],
)
async def test_who_asks_for_reports_of_what_is_redirected_gets_them(
    filtered: Post, extension: str, wish: str
) -> None:
    sink = await filtered.sink("there.test")
    script = f'require "{extension}"; redirect {wish} "{CARL}";'
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert [one.sender for one in sink.messages] == [ANA]  # RFC 6009 6.1 and 7.1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", "RCPT TO:<carl@there.test>"),
        ("NEVER", "RCPT TO:<carl@there.test> NOTIFY=NEVER"),
        ("FAILURE,DELAY", "RCPT TO:<carl@there.test> NOTIFY=FAILURE,DELAY"),
        # From the queue, where its sender is told that it was delivered.
        ("SUCCESS", "RCPT TO:<carl@there.test> NOTIFY=NEVER"),
        ("SUCCESS,FAILURE", "RCPT TO:<carl@there.test> NOTIFY=FAILURE"),
    ],
)
async def test_senders_hear_of_what_was_redirected_as_they_wished(
    filtered: Post, asked: str, told: str
) -> None:
    sink = await filtered.sink("there.test")
    await activate(filtered, filtered.ana, f'redirect "{CARL}";')
    await filtered.send(DORA, ANA, message=MAIL, wishes=RecipientOptions(asked))
    await filtered.work()
    assert [one.rcpts for one in sink.messages if one.sender.startswith("SRS0=")] == [[told]]


async def test_a_script_that_says_who_is_told_is_heeded(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    script = f'require "redirect-dsn"; redirect :notify "NEVER" "{CARL}";'
    await activate(filtered, filtered.ana, script)
    for sender in (DORA, ""):
        await filtered.send(sender, ANA, message=MAIL, wishes=RecipientOptions("FAILURE"))
    await filtered.work()
    assert [one.rcpts for one in sink.messages] == [[f"RCPT TO:<{CARL}> NOTIFY=NEVER"]] * 2


async def test_redirected_mail_that_comes_back_is_kept(filtered: Post) -> None:
    await activate(filtered, filtered.ana, f'redirect "{CARL}";')
    await filtered.send(DORA, ANA, message=b"Delivered-To: ana@example.org\r\n" + MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    assert await filtered.waiting() == []


async def test_two_accounts_that_redirect_to_each_other_keep_one_copy(filtered: Post) -> None:
    await activate(filtered, filtered.ana, f'redirect "{BUDI}";')
    await activate(filtered, filtered.budi, f'redirect "{ANA}";')
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    kept = [await counts(filtered, one) for one in (filtered.ana, filtered.budi)]
    assert kept == [{"INBOX": 1}, {}]
    assert await filtered.waiting() == []


async def test_an_edited_message_goes_on_edited(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    script = f'require "editheader"; addheader "X-Seen" "yes"; redirect "{CARL}";'
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert b"X-Seen: yes\r\n" in sink.messages[0].content


async def test_a_script_that_sends_on_too_often_is_stopped(post: Post) -> None:
    install(post, SieveSettings(redirects=2))
    targets = "".join(f'redirect "c{n}@there.test";' for n in range(3))
    await activate(post, post.ana, targets)
    await post.send(DORA, ANA, message=MAIL)
    assert await post.inbox(post.ana)
    assert {one.address for one in await post.waiting()} == {ANA}  # the letter about it


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (b"In-Reply-To: <0@x.test>\r\n", b"References: <0@x.test>\r\n <1@sender.test>\r\n"),
        (b"In-Reply-To: <0@x.test> <9@x.test>\r\n", b"References: <1@sender.test>\r\n"),
        (
            b"In-Reply-To: <0@x.test>\r\nReferences: <8@x.test>\r\n",
            b"References: <8@x.test>\r\n <1@sender.test>\r\n",
        ),
    ],
)
async def test_an_answer_belongs_to_the_thread_of_what_it_answers(
    filtered: Post, fields: bytes, wanted: bytes
) -> None:
    """RFC 5230 5.8, RFC 5322 3.6.4."""
    home = await filtered.sink("sender.test")
    await activate(filtered, filtered.ana, 'require "vacation"; vacation "Away.";')
    await filtered.send(DORA, ANA, message=fields + MAIL)
    await filtered.work()
    [answer] = home.messages
    assert wanted in answer.content


@pytest.mark.parametrize("utf8", [False, True])
async def test_a_reason_that_cannot_be_said_in_smtp_is_written_to_the_sender(
    filtered: Post, utf8: bool
) -> None:
    """RFC 5429 2.2: reject keeps to the text, ereject to the dialogue."""
    home = await filtered.sink("sender.test")
    await activate(filtered, filtered.ana, 'require "reject"; reject "Danke, schön.";')
    await activate(filtered, filtered.budi, 'require "ereject"; ereject "Danke, schön.";')
    with pytest.raises(Fault, match="Danke, schön"):
        await filtered.send(DORA, BUDI, message=MAIL)
    if utf8:
        with pytest.raises(Fault, match="Danke, schön"):
            await filtered.send(DORA, ANA, message=MAIL, smtputf8=True)
        assert home.messages == []
        return
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    [notice] = home.messages
    assert (notice.sender, notice.recipients) == ("", [DORA])
    assert b"> Danke, sch=C3=B6n." in notice.content
    assert await counts(filtered, filtered.ana) == {}
