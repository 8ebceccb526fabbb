from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Options, RecipientOptions
from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.servers.smtp.legal import Role
from merpati.store import directory, events, forwards, sieve
from merpati.store.sieve import AutoReply
from tests.support import smtp
from tests.support.filtering import activate, boxes, counts, everybodys, install
from tests.support.post import LARGE, Post
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


# Filing


async def test_a_message_is_filed_where_the_script_wants_it_with_its_flags(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["fileinto", "imap4flags"];
        fileinto :flags ["\\\\Seen", "Lunch"] "Archive";
    """,
    )
    trace = await filtered.send(DORA, ANA, message=MAIL)
    found = await boxes(filtered, filtered.ana)
    assert list(found) == ["Archive"]
    [(content, keywords)] = found["Archive"]
    assert content.endswith(MAIL)
    assert keywords == "$seen lunch"
    steps = {step.kind: step.detail for step in await filtered.steps(trace)}
    assert steps[EventKind.FILTERED] == {"script": "main", "did": ["fileinto Archive"]}
    assert steps[EventKind.DELIVERED]["mailbox"] == "Archive"


async def test_copies_in_several_mailboxes_hold_the_same_bytes_once(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["fileinto", "copy"];
        fileinto :copy "Archive";
        fileinto :copy "Drafts";
        fileinto "Archive";
    """,
    )
    await filtered.send(DORA, ANA, message=LARGE)
    assert await counts(filtered, filtered.ana) == {"Archive": 1, "Drafts": 1}
    assert len(filtered.files()) == 1


async def test_what_has_no_mailbox_is_kept_and_the_trace_says_why(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Nowhere";')
    trace = await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    [step] = [one for one in await filtered.steps(trace) if one.kind is EventKind.FILTERED]
    assert step.detail["problems"] == ['there is no mailbox "Nowhere"']


async def test_a_mailbox_is_made_when_the_script_says_so(filtered: Post) -> None:
    script = 'require ["fileinto", "mailbox"]; fileinto :create "Work/2026";'
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Work/2026": 2}


async def test_a_mailbox_is_found_by_its_use(filtered: Post) -> None:
    script = r'require ["fileinto", "special-use"]; fileinto :specialuse "\\Archive" "Else";'
    await activate(filtered, filtered.ana, script)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


async def test_what_is_discarded_leaves_nothing_behind(filtered: Post) -> None:
    await activate(filtered, filtered.ana, "discard;")
    trace = await filtered.send(DORA, ANA, message=LARGE)
    assert await counts(filtered, filtered.ana) == {}
    assert filtered.files() == []
    assert "filtered" in await filtered.kinds(trace)


async def test_each_recipient_has_a_script_of_its_own(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')
    await filtered.send(DORA, ANA, BUDI, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1}
    assert await counts(filtered, filtered.budi) == {"INBOX": 1}


async def test_an_edited_message_is_stored_as_edited_beside_the_original(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["editheader", "fileinto", "copy"];
        fileinto :copy "Archive";
        addheader "X-Seen" "by Sieve";
        keep;
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL)
    found = await boxes(filtered, filtered.ana)
    [(original, _)], [(edited, _)] = found["Archive"], found["INBOX"]
    assert b"X-Seen" not in original
    assert b"X-Seen: by Sieve\r\n" in edited
    assert edited.endswith(MAIL)


async def test_the_detail_of_a_subaddress_is_known(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["envelope", "subaddress", "fileinto", "variables"];
        if envelope :detail :matches "to" "*" { fileinto "${1}"; }
    """,
    )
    await filtered.send(DORA, "ana+Archive@example.org", message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


async def test_a_changed_script_runs_at_once(filtered: Post) -> None:
    await activate(filtered, filtered.ana, "discard;")
    await filtered.send(DORA, ANA, message=MAIL)
    await activate(filtered, filtered.ana, "keep;")
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.store.write(sieve.activate, filtered.ana.id, "")
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 2}


async def test_scripts_include_others_and_those_of_everybody(filtered: Post) -> None:
    await everybodys(filtered, "archive", 'require "fileinto"; fileinto "Archive";')
    await activate(filtered, filtered.ana, "keep;", "mine")
    await activate(
        filtered,
        filtered.ana,
        """
        require "include";
        include :personal "mine";
        include :global "archive";
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1, "Archive": 1}


async def test_no_room_means_that_nothing_is_done_yet(filtered: Post) -> None:
    carla = await filtered.add_account("carla@example.org", quota=1000)
    await filtered.deliver(b"x" * 900, carla)
    await filtered.sink("there.test")
    script = f'require ["copy", "fileinto"]; redirect :copy "{CARL}"; fileinto "Archive";'
    await activate(filtered, carla, script)
    with pytest.raises(Fault) as caught:
        await filtered.send(DORA, "carla@example.org", message=MAIL)
    assert caught.value.kind is Kind.OVER_QUOTA
    assert await filtered.waiting() == []


async def test_duplicates_are_known_again(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "duplicate"; if duplicate { discard; }')
    for _ in range(3):
        await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    filtered.time.advance(8 * DAY)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 2}


async def test_the_surroundings_are_known(filtered: Post) -> None:
    await activate(
        filtered,
        filtered.ana,
        """
        require ["environment", "fileinto", "mailbox"];
        if allof(environment "remote-ip" "192.0.2.9", environment "domain" "example.org",
                 environment "name" "Merpati", mailboxexists ["Archive", "INBOX"],
                 not mailboxexists "Nowhere") { fileinto "Archive"; }
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


async def test_the_deadline_of_deliver_by_is_known(filtered: Post) -> None:
    script = """
        require ["envelope", "envelope-deliverby", "fileinto"];
        if allof(envelope "bymode" "notify", envelope "bytrace" "trace",
                 envelope :contains "bytimerelative" "-") { fileinto "Archive"; }
    """
    await activate(filtered, filtered.ana, script)
    late = Options(deliver_by=1000, by_mode="N", by_trace=True)
    await filtered.send(DORA, ANA, message=MAIL, options=late)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1, "INBOX": 1}


# From the queue


async def test_scripts_run_for_what_waited_in_the_queue(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')
    await filtered.send(DORA, ANA, message=MAIL, wishes=RecipientOptions("SUCCESS"))
    assert await counts(filtered, filtered.ana) == {}
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


async def test_scripts_run_behind_an_alias_of_several(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')
    for target in (ANA, BUDI):
        await filtered.store.write(directory.add_alias, "all@example.org", target)
    await filtered.send(DORA, "all@example.org", message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}
    assert await counts(filtered, filtered.budi) == {"INBOX": 1}


async def test_scripts_run_for_the_copy_that_stays_beside_a_forward(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    await filtered.store.write(forwards.set_forward, filtered.ana.id, [CARL], keep=True)
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}
    assert len(sink.messages) == 1


async def test_scripts_run_for_letters_of_the_server(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    sink.on("RCPT", "550 5.1.1 no such user")
    await activate(
        filtered,
        filtered.ana,
        """
        require ["fileinto", "envelope"];
        if envelope "from" "" { fileinto "Archive"; }
    """,
    )
    await filtered.send(ANA, CARL, message=MAIL, account=filtered.ana)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


# Refusals


async def test_who_alone_refuses_does_so_while_the_sender_listens(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "reject"; reject text:\nNo\nthanks.\n.\n;')
    with pytest.raises(Fault) as caught:
        await filtered.send(DORA, ANA, message=LARGE)
    assert (caught.value.kind, caught.value.text, caught.value.status) == (
        Kind.DENIED, "No\nthanks.", "5.7.1",  # each line of it is one of the reply: RFC 5429 2.1.1
    )  # fmt: skip
    assert await filtered.waiting() == []
    assert filtered.files() == []


async def test_who_refuses_among_others_has_the_sender_told(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await activate(filtered, filtered.ana, 'require "ereject"; ereject "No thanks.";')
    await filtered.send(DORA, ANA, BUDI, message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {}
    assert await counts(filtered, filtered.budi) == {"INBOX": 1}
    [notice] = home.messages
    assert (notice.sender, notice.recipients) == ("", [DORA])
    assert b"No thanks." in notice.content


async def test_each_refuses_for_itself_over_lmtp(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "reject"; reject "No thanks.";')
    port = smtp.serve(filtered, Role.LMTP)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    rcpt = b"".join(b"RCPT TO:<%b>\r\n" % one.encode() for one in (ANA, BUDI))
    talk = b"LHLO x\r\nMAIL FROM:<%b>\r\n%bDATA\r\n%b.\r\nQUIT\r\n"
    writer.write(talk % (DORA.encode(), rcpt, MAIL))
    async with asyncio.timeout(30):
        said = (await reader.read()).splitlines()
    writer.close()
    refused, taken, _ = said[-3:]
    assert refused == b"550 5.7.1 No thanks."
    assert taken.startswith(b"250 ")
    assert await filtered.waiting() == []  # so nobody sends a notice either
    assert await counts(filtered, filtered.ana) == {}
    assert await counts(filtered, filtered.budi) == {"INBOX": 1}
    steps = await filtered.steps(taken.split()[-1].decode())
    [step] = [one for one in steps if one.kind is EventKind.REFUSED]
    assert (step.about, step.detail["said"]) == (ANA, "No thanks.")


async def test_nobody_is_told_of_a_refusal_of_bulk_mail(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await activate(filtered, filtered.ana, 'require "reject"; reject "No thanks.";')
    await filtered.send(DORA, ANA, BUDI, message=b"Precedence: bulk\r\n" + MAIL)
    await filtered.work()
    assert home.messages == []
    assert await counts(filtered, filtered.ana) == {}
    assert await filtered.waiting() == []


# Scripts that fail


BROKEN: Final = """
    require ["variables", "include"];
    include :personal "nothing there";
"""


async def test_a_script_that_fails_keeps_the_mail_and_tells_its_owner_once_a_day(
    filtered: Post,
) -> None:
    await filtered.store.write(directory.set_account, filtered.ana.id, language="id")
    await activate(filtered, filtered.ana, BROKEN)
    for _ in range(3):
        await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    found = (await boxes(filtered, filtered.ana))["INBOX"]
    letters = [content for content, _ in found if b"Auto-Submitted: auto-generated" in content]
    assert len(found) == 4
    [letter] = letters
    assert b"Penyaring surat Anda" in letter
    filtered.time.advance(DAY + 60)
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert len((await boxes(filtered, filtered.ana))["INBOX"]) == 6


async def test_a_script_of_another_release_is_compiled_anew(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')

    async def spoil(tx: Any) -> None:
        await tx.run("UPDATE sieve_script SET program = $1", b"old")

    await filtered.store.write(spoil)
    await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"Archive": 1}


async def test_a_script_that_this_release_finds_wrong_keeps_the_mail(filtered: Post) -> None:
    await activate(filtered, filtered.ana, "discard;")

    async def spoil(tx: Any) -> None:
        await tx.run("UPDATE sieve_script SET program = $1, source = $2", b"old", b"nonsense;")

    await filtered.store.write(spoil)
    trace = await filtered.send(DORA, ANA, message=MAIL)
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    [step] = [one for one in await filtered.steps(trace) if one.kind is EventKind.FILTERED]
    assert step.detail["fault"].startswith("line 1")
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"INBOX": 2}  # and the letter about it


async def test_a_large_edited_message_that_has_no_room_leaves_no_file(filtered: Post) -> None:
    carla = await filtered.add_account("carla@example.org", quota=1000)
    script = 'require "editheader"; addheader "X-Seen" "yes"; keep;'
    await activate(filtered, carla, script)
    with pytest.raises(Fault):
        await filtered.send(DORA, "carla@example.org", message=LARGE)
    assert filtered.files() == []


# The auto-reply


async def _away(post: Post, **words: Any) -> None:
    reply = AutoReply(is_enabled=True, **{"subject": "Away", "text": "Back soon.", **words})
    await post.store.write(sieve.set_auto_reply, post.ana.id, reply)


async def test_the_auto_reply_answers_and_keeps(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await _away(filtered)
    for _ in range(2):
        await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"INBOX": 2}
    [answer] = home.messages
    assert (answer.sender, answer.recipients) == ("", [DORA])
    for line in (
        b"Subject: Away", b"Auto-Submitted: auto-replied (vacation)", b"Back soon.",
        b"In-Reply-To: <1@sender.test>", b"References: <1@sender.test>",
    ):  # fmt: skip
        assert line + b"\r\n" in answer.content


async def test_mail_for_a_detail_of_the_account_is_answered_from_there(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await _away(filtered)
    detail = "ana+bills@example.org"
    await filtered.send(DORA, detail, message=MAIL.replace(ANA.encode(), detail.encode()))
    await filtered.work()
    [answer] = home.messages
    assert b"<ana+bills@example.org>\r\n" in answer.content


async def test_the_auto_reply_is_for_its_time_only(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    now = filtered.now
    await _away(filtered, from_date=now + 1000 * DAY, to_date=now + 2000 * DAY)
    sent = []
    for _ in range(3):
        await filtered.send(DORA, ANA, message=MAIL)
        await filtered.work()
        sent.append(len(home.messages))
        filtered.time.advance(DAY)
    assert sent == [0, 1, 1]


async def test_the_auto_reply_goes_along_with_the_script_of_the_account(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await _away(filtered, html="<p>Back <b>soon</b>.")
    await activate(
        filtered,
        filtered.ana,
        """
        require "fileinto";
        if header :contains "subject" "offer" { discard; stop; }
        fileinto "Archive";
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL.replace(b"Lunch", b"Best offer"))
    await filtered.work()
    assert home.messages == []
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}
    assert b"multipart/alternative" in home.messages[0].content


async def test_a_vacation_of_the_script_takes_the_place_of_the_auto_reply(filtered: Post) -> None:
    home = await filtered.sink("sender.test")
    await _away(filtered)
    await activate(filtered, filtered.ana, 'require "vacation"; vacation "Mine.";')
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    [answer] = home.messages
    assert b"Mine.\r\n" in answer.content


# Notifications


async def test_a_notification_is_sent_by_mail(filtered: Post) -> None:
    sink = await filtered.sink("there.test")
    await activate(
        filtered,
        filtered.ana,
        f"""
        require "enotify";
        notify :importance "1" :message "Dora wrote" "mailto:{CARL}?subject=Mail";
    """,
    )
    await filtered.send(DORA, ANA, message=MAIL)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"INBOX": 1}
    [sent] = sink.messages
    assert (sent.sender, sent.recipients) == ("", [CARL])
    for line in (
        b"Subject: Dora wrote", b"Importance: High",
        b'Auto-Submitted: auto-notified; owner-email="ana@example.org"',
    ):  # fmt: skip
        assert line + b"\r\n" in sent.content


async def test_mail_without_a_script_costs_no_more_than_before(filtered: Post) -> None:
    """No read, no question: what has no stamp takes the way it always took."""
    reads = 0
    store = filtered.store

    def counted(unit: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal reads
        reads += 1
        return type(store).read(store, unit, *args, **kwargs)

    await filtered.send(DORA, ANA, message=MAIL)  # the route is known from here on
    store.read = counted  # type: ignore[method-assign]
    await filtered.send(DORA, ANA, message=MAIL)
    assert reads == 0
    assert await counts(filtered, filtered.ana) == {"INBOX": 2}


async def test_held_mail_is_decided_when_it_is_let_go(filtered: Post) -> None:
    await activate(filtered, filtered.ana, 'require "fileinto"; fileinto "Archive";')
    later = Options(hold_until=filtered.now + 60_000)
    await filtered.send(DORA, ANA, message=MAIL, options=later)
    filtered.time.advance(61)
    await filtered.work()
    assert await counts(filtered, filtered.ana) == {"Archive": 1}
    assert INBOX_ID == 1


async def test_what_is_suspected_goes_to_junk_unless_the_script_says_where(filtered: Post) -> None:
    async def judged(script: str) -> dict[str, int]:
        """From the queue: the trace tells what the judge said."""
        await activate(filtered, filtered.ana, script)
        later = Options(hold_until=filtered.now + 1000)
        trace = await filtered.send(DORA, ANA, message=MAIL, options=later)
        step = Event(
            trace, filtered.now, EventKind.JUDGED, "sender.test", 0, {"verdict": "quarantine"}
        )
        await filtered.store.write(events.record, [step])
        filtered.time.advance(2)
        await filtered.work()
        return await counts(filtered, filtered.ana)

    assert await judged("if false { discard; }") == {"Junk": 1}
    assert await judged("keep;") == {"Junk": 1, "INBOX": 1}
    script = 'require ["spamtestplus", "relational", "comparator-i;ascii-numeric"];'
    script += 'if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "80" { discard; }'
    assert await judged(script) == {"Junk": 1, "INBOX": 1}
