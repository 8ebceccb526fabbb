from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.app import draft
from merpati.base.faults import SyntaxFault
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.newlines import has_bare

ANI = Mailbox("Ani Wijaya", "ani", "a.id")
FROM = b"From: Ani Wijaya <ani@a.id>\r\n"
DATE = b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
ID = b"Message-ID: <x@a.id>\r\n"


def complete(raw: bytes) -> bytes:
    return draft.read(raw).complete(ANI, "<x@a.id>", 1_800_000_000)


def test_what_is_missing_is_added_and_the_rest_stays_as_it_was() -> None:
    assert complete(b"subject:  a\n b\nX-Odd:\n\nhi\n") == (
        DATE + FROM + ID + b"subject:  a\r\n b\r\nX-Odd:\r\n\r\nhi\r\n"
    )


def test_what_is_there_is_not_added() -> None:
    whole = b"message-id: <1@b>\r\nFROM: b@b\r\nDate: today\r\n\r\nhi\r\n"
    assert complete(whole) == whole


def test_a_message_without_a_header_gets_one() -> None:
    assert complete(b"hello\nworld\n") == DATE + FROM + ID + b"\r\nhello\r\nworld\r\n"
    assert complete(b"") == complete(b"\n") == DATE + FROM + ID + b"\r\n"


def test_a_header_without_a_body_is_ended() -> None:
    assert complete(b"Subject: x") == DATE + FROM + ID + b"Subject: x\r\n\r\n"


def test_a_body_that_follows_the_header_at_once_is_set_apart() -> None:
    assert complete(b"Subject: x\nno field\n") == (
        DATE + FROM + ID + b"Subject: x\r\n\r\nno field\r\n"
    )


def test_the_line_of_an_mbox_goes() -> None:
    assert complete(b"From root Fri Jan 15 08:00:00 2027\nSubject: x\n\nhi\n") == (
        DATE + FROM + ID + b"Subject: x\r\n\r\nhi\r\n"
    )


def test_bcc_and_return_path_are_not_for_readers() -> None:
    raw = b"Bcc: c@c,\n d@d\nReturn-Path: <e@e>\nTo: f@f\nResent-Bcc: g@g\n\nhi\n"
    assert complete(raw) == DATE + FROM + ID + b"To: f@f\r\n\r\nhi\r\n"


def test_recipients_come_from_to_cc_and_bcc_each_once() -> None:
    raw = b'To: Ani <ani@A.id>, "B, C" <b@b>\nCc: team: b@b, c@c;, undisclosed:;\nBcc: root\n\n'
    assert draft.read(raw).recipients() == ["ani@a.id", "b@b", "c@c", "root"]


def test_resent_fields_count_instead_of_the_original_ones() -> None:
    raw = b"To: a@a\nResent-To: b@b\nResent-Cc: c@c\n\n"
    assert draft.read(raw).recipients() == ["b@b", "c@c"]


def test_a_local_part_that_needs_quotes_keeps_them() -> None:
    (found,) = draft.read(b'To: "a b"@c.id\n\n').recipients()
    assert found == '"a b"@c.id'
    assert str(draft.qualify([found], "x")[0]) == found


def test_names_without_a_domain_are_at_home() -> None:
    assert [str(path) for path in draft.qualify(["root", "a@b", ""], "a.id")] == [
        "root@a.id", "a@b", "",
    ]  # fmt: skip


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(SyntaxFault, match=r"^a b@c: the part of an address before @"):
        draft.qualify(["a b@c"], "a.id")


@settings(max_examples=200)
@given(st.binary(max_size=300) | st.text("\r\n: .abBFrom-", max_size=60).map(str.encode))
def test_any_bytes_become_a_message_that_stays_as_it_is(raw: bytes) -> None:
    whole = complete(raw)
    assert not has_bare(whole)
    assert whole.endswith(b"\r\n")
    assert b"\r\n\r\n" in whole
    assert draft.read(whole).has(b"from")
    again = complete(whole)
    assert again == whole
