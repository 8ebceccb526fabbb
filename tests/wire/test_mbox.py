from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import mbox
from merpati.wire.mbox import Entry, Kind

KINDS = [Kind.MBOXO, Kind.MBOXRD, Kind.MBOXCL, Kind.MBOXCL2]
EXACT = [Kind.MBOXRD, Kind.MBOXCL2]  # mboxo and mboxcl cannot tell ">From " from "From "
WHEN = 1_700_000_000
MESSAGE = b"Subject: one\r\n\r\nhello\r\n"
PLAIN = (
    b"From ana@example.org Tue Nov 14 22:13:20 2023\n"
    b"Subject: one\nStatus: RO\nX-Status: AF\nX-Keywords: Work $Forwarded\nTo: budi\n\nhello\n\n"
)


def written(
    *messages: bytes, kind: Kind = Kind.MBOXRD, keywords: frozenset[str] = frozenset()
) -> bytes:
    return b"".join(b"".join(mbox.render(one, kind, WHEN, keywords)) for one in messages)


def read(content: bytes, kind: Kind = Kind.AUTO) -> list[tuple[bytes, frozenset[str], int | None]]:
    found = []
    for entry in mbox.entries(content, kind):
        marks = mbox.marks(content, entry)
        whole = b"".join(mbox.message(content, entry, marks))
        found.append((whole, marks.keywords, entry.date))
    return found


def test_a_file_of_dovecot_gives_flags_and_the_message_without_them() -> None:
    [(message, keywords, date)] = read(PLAIN)
    assert message == b"Subject: one\r\nTo: budi\r\n\r\nhello\r\n"
    assert keywords == {"$seen", "$answered", "$flagged", "work", "$forwarded"}
    assert date == WHEN


def test_thunderbirds_flags_are_understood() -> None:
    content = (
        b"From - Tue Nov 14 22:13:20 2023\r\nX-Mozilla-Status: 1005\r\nX-Mozilla-Status2: 0\r\n"
        b"X-Mozilla-Keys: $label1 work              \r\nSubject: one\r\n\r\nhello\r\n\r\n"
    )
    assert read(content) == [
        (MESSAGE, frozenset({"$seen", "$flagged", "$forwarded", "$label1", "work"}), WHEN)
    ]


def test_what_a_program_notes_about_its_file_is_no_message() -> None:
    content = (
        b"From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n"
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\nStatus: RO\n\n"
        b"This text is part of the internal format.\n\n"
    )
    [entry] = mbox.entries(content + PLAIN[:0])
    assert mbox.marks(content, entry).internal


def test_a_line_of_a_message_that_only_looks_like_the_next_one_stays_in_it() -> None:
    content = PLAIN.replace(b"hello", b"From here on it is easy.\n>From there too")
    [(message, _, _)] = read(content, Kind.MBOXO)
    assert b"\r\nFrom here on it is easy.\r\nFrom there too\r\n" in message


def test_a_content_length_that_leads_nowhere_is_not_believed() -> None:
    content = PLAIN.replace(b"To: budi", b"Content-Length: 3") + PLAIN
    assert [message for message, _, _ in read(content)] == [
        MESSAGE, b"Subject: one\r\nTo: budi\r\n\r\nhello\r\n"
    ]  # fmt: skip


def test_what_is_no_mbox_is_refused() -> None:
    with pytest.raises(SyntaxFault, match="no mbox"):
        list(mbox.entries(b"Subject: one\n\nhello\n"))


def test_an_empty_file_holds_nothing() -> None:
    assert list(mbox.entries(b"")) == []
    assert list(mbox.entries(b"\n\n")) == []


def test_the_senders_path_stands_in_the_line_before() -> None:
    assert written(b"Return-Path: <ana@b.id>\r\n" + MESSAGE).startswith(b"From ana@b.id Tue ")
    assert written(MESSAGE).startswith(b"From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_back_with_flags_and_dates(kind: Kind) -> None:
    messages = [
        MESSAGE,
        b"Status: mine\r\nContent-Length: 99\r\n\r\nFrom me Tue Nov 14 22:13:20 2023\r\n\r\n",
        b"Subject: odd\r\n\r\nlone \r and \n here\r\n",
        b"\r\nno header\r\n",
        b"Subject: open\r\n\r\nno end",
        b"Subject: open and odd\n\nlone \r",
        b"Subject: header alone",
    ]
    keywords = frozenset({"$seen", "$draft", "work"})
    found = read(written(*messages, kind=kind, keywords=keywords), kind)
    assert found == [(message, keywords, WHEN) for message in messages]


@pytest.mark.parametrize("kind", [Kind.MBOXRD, Kind.MBOXCL, Kind.MBOXCL2])
def test_a_message_without_a_header_stays_one(kind: Kind) -> None:
    content = b"\r\nFrom a@b Mon Jan  1 10:00:00 2024\r\nSubject: inside\r\n\r\ntext\r\n"
    file = b"".join(mbox.render(content, kind, 0, frozenset()))
    [entry] = mbox.entries(file, kind)
    assert b"".join(mbox.message(file, entry, mbox.marks(file, entry))) == content


def test_mboxo_cannot_tell_who_quoted() -> None:
    message = MESSAGE + b">From me\r\n"
    assert read(written(message, kind=Kind.MBOXO), Kind.MBOXO)[0][0] == MESSAGE + b"From me\r\n"
    assert read(written(message))[0][0] == message


LINES = st.lists(
    st.sampled_from(
        [b"From a Tue Nov 14 22:13:20 2023", b">From b", b">>From c", b"Status: RO", b"", b"x\ry",
         b"Content-Length: 3", b"From me", b">", b"\n", b"Subject: x", b"\xff\x00"]
    ),
    max_size=8,
)  # fmt: skip


@given(
    st.lists(LINES, min_size=1, max_size=4),
    st.sampled_from(EXACT),
    st.sets(st.sampled_from(["$seen", "$flagged", "$answered", "$deleted", "$draft", "work"])),
    st.booleans(),
)
@example([[b""]], Kind.MBOXCL2, set(), False)
def test_what_is_written_is_read_back_byte_for_byte(
    given_lines: list[list[bytes]], kind: Kind, keywords: set[str], is_open: bool
) -> None:
    # A length is that of a body: a message without one is told apart by its lines alone.
    head = [b"A: b"] if kind is Kind.MBOXRD else [b"A: b", b""]
    messages = [b"".join(line + b"\r\n" for line in head + lines) for lines in given_lines]
    if is_open:
        messages = [message.removesuffix(b"\r\n") for message in messages]
    content = written(*messages, kind=kind, keywords=frozenset(keywords))
    assert [message for message, _, _ in read(content, kind)] == messages
    assert all(found == keywords for _, found, _ in read(content, kind))


@given(st.binary(max_size=300), st.sampled_from(list(Kind)))
@example(b"From x Tue Nov 14 22:13:20 2023", Kind.AUTO)
@example(b"From x\nContent-Length: 999\n\n", Kind.AUTO)
def test_any_file_is_messages_or_a_fault(content: bytes, kind: Kind) -> None:
    for data in (content, b"From " + content, PLAIN + content):
        try:
            found = list(mbox.entries(data, kind))
        except SyntaxFault:
            continue
        assert all(one.start < one.message <= one.end <= len(data) for one in found)
        for one in found:
            b"".join(mbox.message(data, one, mbox.marks(data, one)))
            assert isinstance(one, Entry)
