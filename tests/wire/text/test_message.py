"""What a message says: its fields in groups, its parts, and no noise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import tree
from merpati.wire.text import message
from merpati.wire.text.folding import fold

MESSAGE = b"""Received: from somewhere by elsewhere
DKIM-Signature: v=1; b=abcdef
From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>
To: ani@example.org
Cc: Beno <beno@example.org>
Subject: =?utf-8?b?UsOpc3Vtw6k=?=
List-Id: gardeners
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 au lait
--b
Content-Type: text/html

<p>he<b>llo</b></p>
--b
Content-Type: application/pdf; name="Bericht.pdf"

%PDF
--b
Content-Type: message/rfc822

Subject: forwarded
Received: from inside

old news
--b--
"""


def test_each_text_is_in_its_group() -> None:
    found = message.texts(MESSAGE, tree.parse(MESSAGE))
    assert found.subject == "resume"
    assert found.sender == "jurgen <juergen@example.org>"
    assert found.recipients == "ani@example.org , beno <beno@example.org>"
    assert found.header == "gardeners"
    assert found.body.split() == ["cafe", "au", "lait", "hello", "forwarded", "old", "news"]
    assert found.attachments == "bericht.pdf"
    assert not found.cut


def test_what_a_bounce_says_of_its_recipient_is_text() -> None:
    report = (
        b"Content-Type: multipart/report; boundary=b; report-type=delivery-status\r\n\r\n"
        b"--b\r\n\r\nIt could not be delivered.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n"
        b"\r\nFinal-Recipient: rfc822; budi@example.org\r\nAction: failed\r\n"
        b"--b\r\nContent-Type: message/partial; id=x; number=2\r\n\r\nZm9yIHByb2dyYW1z\r\n--b--\r\n"
    )
    root = tree.parse(report)
    assert "rfc822; budi@example.org" in message.texts(report, root).body
    assert message.holds(report, root, "budi@example.org")
    assert not message.holds(report, root, "zm9y")


def test_reading_for_one_text_agrees_with_the_texts() -> None:
    root = tree.parse(MESSAGE)
    for wanted in ("cafe au", "hello", "forwarded", "bericht.pdf"):
        assert message.holds(MESSAGE, root, wanted)
    for wanted in ("resume", "gardeners", "beno"):
        assert not message.holds(MESSAGE, root, wanted)
        assert message.holds(MESSAGE, root, wanted, in_header=True)
    for wanted in ("somewhere", "abcdef", "inside"):
        assert not message.holds(MESSAGE, root, wanted, in_header=True)


def test_of_a_huge_text_the_beginning_counts_and_reading_finds_the_end() -> None:
    content = b"Subject: x\r\n\r\n" + b"word " * 600_000 + b"last\r\n"
    root = tree.parse(content)
    found = message.texts(content, root)
    assert found.cut
    assert len(found.body) <= message.BODY_MAX + 1
    assert message.holds(content, root, "word last")


def test_armour_is_no_text() -> None:
    content = (
        b"Subject: x\r\n\r\nbefore\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA3\r\n"
        b"-----END PGP MESSAGE-----\r\nafter\r\n"
    )
    assert message.texts(content, tree.parse(content)).body == "before after"


@given(st.binary(max_size=300))
def test_any_bytes_have_a_text(content: bytes) -> None:
    root = tree.parse(content)
    found = message.texts(content, root)
    for text in (found.subject, found.body):
        assert fold(text) == fold(fold(text))
