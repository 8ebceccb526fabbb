from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.imap import structure
from merpati.wire.imap.envelope import MAX_ADDRESSES, addresses
from merpati.wire.imap.strings import string
from merpati.wire.mime import headers, tree
from tests.support.growth import LINEAR, growth

CORPORA = Path(__file__).parents[2] / "corpora"
MESSAGES = sorted([*CORPORA.glob("mime4j/*.msg"), *CORPORA.glob("mail-parser/*/*.eml")])

_TOKEN = re.compile(rb'\(|\)|\{(\d+)\}\r\n|"((?:[^"\\\r\n]|\\.)*)"|[A-Za-z0-9]+| ')


def read(data: bytes) -> Any:
    """A response's parenthesised lists as Python lists, as a client reads them."""
    lists: list[list[Any]] = [[]]
    at = 0
    while at < len(data):
        token = _TOKEN.match(data, at)
        assert token is not None, data[at : at + 40]
        at = token.end()
        text = token[0]
        if text == b"(":
            lists.append([])
        elif text == b")":
            done = lists.pop()
            lists[-1].append(done)
        elif token[1] is not None:
            size = int(token[1])
            assert len(data) >= at + size
            assert b"\0" not in data[at : at + size]
            lists[-1].append(data[at : at + size])
            at += size
        elif token[2] is not None:
            assert token[2].isascii()
            lists[-1].append(re.sub(rb"\\(.)", rb"\1", token[2]))
        elif text == b"NIL":
            lists[-1].append(None)
        elif text != b" ":
            lists[-1].append(int(text))
    ((result,),) = lists
    return result


def envelope(message: bytes) -> Any:
    return read(structure.envelope(headers.split(message)))


def bodystructure(message: bytes) -> Any:
    return read(structure.bodystructure(tree.parse(message), message))


def body(message: bytes) -> Any:
    return read(structure.body(tree.parse(message), message))


# --- envelope


def test_envelopes_are_those_that_imaptest_expects() -> None:
    mbox = (CORPORA / "imaptest/fetch-envelope.mbox").read_bytes()
    script = (CORPORA / "imaptest/fetch-envelope").read_bytes()
    messages = re.split(rb"^From .*\n", mbox, flags=re.MULTILINE)[1:]
    wanted = re.findall(rb"FETCH \(ENVELOPE (.*)\)$", script, re.MULTILINE)
    assert len(messages) == len(wanted) == 6
    for message, expected in zip(messages, wanted, strict=True):
        assert structure.envelope(headers.split(message)) == expected


def test_a_message_without_header_has_an_empty_envelope() -> None:
    assert envelope(b"\r\nbody") == [None] * 10


def test_sender_and_reply_to_fall_back_to_from() -> None:
    found = envelope(b"From: a@b\r\nSender: ,\r\nReply-To: c@d\r\n\r\n")
    assert found[2] == found[3] == [[None, None, b"a", b"b"]]
    assert found[4] == [[None, None, b"c", b"d"]]


def test_encoded_words_stay_encoded() -> None:
    found = envelope(b"Subject: =?utf-8?q?=C3=A9?=\r\nFrom: =?utf-8?q?=C3=A9?= <a@b>\r\n\r\n")
    assert found[1] == b"=?utf-8?q?=C3=A9?="
    assert found[2] == [[b"=?utf-8?q?=C3=A9?=", None, b"a", b"b"]]


def test_8_bit_text_goes_as_a_literal() -> None:
    raw = structure.envelope(headers.split("Subject: é\0\r\nFrom: é <a@b>\r\n\r\n".encode()))
    assert b'{3}\r\n\xc3\xa9\x80 (({2}\r\n\xc3\xa9 NIL "a" "b"))' in raw


def test_repeated_recipient_fields_are_one_and_of_others_the_first_counts() -> None:
    found = envelope(b"To: a@b\r\nSubject: 1\r\nTo: c@d, e@f\r\nSubject: 2\r\n\r\n")
    assert [address[2] for address in found[5]] == [b"a", b"c", b"e"]
    assert found[1] == b"1"


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (b"a@b", [[None, None, b"a", b"b"]]),
        (b"<a@b>", [[None, None, b"a", b"b"]]),
        (b"A  B <a@b>", [[b"A B", None, b"a", b"b"]]),
        (b'"A, \\"B\\"" <a@b>', [[b'A, "B"', None, b"a", b"b"]]),
        (b'"B, A"<a@b>,c@d', [[b"B, A", None, b"a", b"b"], [None, None, b"c", b"d"]]),
        (b'"a b"@c', [[None, None, b"a b", b"c"]]),
        (b"a@b (A (the) B)", [[b"A (the) B", None, b"a", b"b"]]),
        (b"(x) A (y) <a@b> (z)", [[b"A", None, b"a", b"b"]]),
        (b"A (unclosed <a@b>", [[b"unclosed <a@b>", None, b"A", b""]]),
        (b"a . b @ c . d", [[None, None, b"a.b", b"c.d"]]),
        (b"A <@r1,@r2:a@b>", [[b"A", b"@r1,@r2", b"a", b"b"]]),
        (b"a@[127.0.0.1]", [[None, None, b"a", b"[127.0.0.1]"]]),
        (b"a@b@c", [[None, None, b"a@b", b"c"]]),
        (b"x@y <a@b>", [[b"x@y", None, b"a", b"b"]]),
        (b"a@b; c@d", [[None, None, b"a", b"b"], [None, None, b"c", b"d"]]),
        (b"postmaster", [[None, None, b"postmaster", b""]]),
        (b"John Doe", [[b"John Doe", None, b"", b""]]),
        (b"<>", None),
        (b", ,;", None),
        (b"G:;", [[None, None, b"G", None], [None] * 4]),
        (
            b"A B: a@b, C <c@d>;",
            [
                [None, None, b"A B", None],
                [None, None, b"a", b"b"],
                [b"C", None, b"c", b"d"],
                [None] * 4,
            ],
        ),
        (b"G: a@b", [[None, None, b"G", None], [None, None, b"a", b"b"], [None] * 4]),
    ],
)
def test_an_address_field_is_read(field: bytes, wanted: Any) -> None:
    assert read(b"(" + addresses(field) + b")") == [wanted]


@pytest.mark.parametrize(
    "piece", [b"(", b'"', b"<", b",", b":", b";", b"@a", b"a b ", b"()", b"a@b,", b"\\"]
)
def test_an_address_bomb_is_read_in_linear_time(piece: bytes) -> None:
    assert growth(addresses, piece, 30_000) < LINEAR


def test_an_address_field_has_an_end() -> None:
    assert len(read(b"(" + addresses(b"a@b," * 6_000) + b")")[0]) == MAX_ADDRESSES


# --- body and bodystructure


def test_the_body_is_what_imaptest_expects() -> None:
    mbox = (CORPORA / "imaptest/fetch-bodystructure.mbox").read_bytes()
    message = mbox.partition(b"\n")[2].replace(b"\n", b"\r\n")
    wanted = b'(("TEXT" "x-MYOWN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 7 1) "MIXED")'
    assert structure.body(tree.parse(message), message).lower() == wanted.lower().replace(
        b"nil", b"nil"
    )


MESSAGE = (
    b"Subject: out\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\nContent-Language: en\r\n\r\n"
    b"--b\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-ID: <i@d>\r\nContent-Description: a picture\r\nContent-MD5: abc=\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''%C3%A9.png\r\nContent-Location: x\r\n\r\n"
    b"QUJD\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nFrom: a@b\r\n\r\none\r\ntwo\r\n"
    b"--b--\r\n"
)
ADDRESS = [[None, None, b"a", b"b"]]
INNER = [None, b"in", ADDRESS, ADDRESS, ADDRESS, None, None, None, None, None]
PLAIN = [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit"]
PICTURE = [b"image", b"png", [b"name", b"a.png"], b"<i@d>", b"a picture", b"base64", 4]
FORWARD = [b"message", b"rfc822", None, None, None, b"7bit", 34, INNER]


def test_bodystructure_has_every_field_in_its_place() -> None:
    assert bodystructure(MESSAGE) == [
        [*PLAIN, 5, 0, None, None, None, None],
        [*PICTURE, b"abc=", [b"attachment", [b"filename*", b"utf-8''%C3%A9.png"]], None, b"x"],
        [*FORWARD, [*PLAIN, 8, 1, None, None, None, None], 4, None, None, None, None],
        b"mixed",
        [b"boundary", b"b"],
        None,
        [b"en"],
        None,
    ]


def test_body_has_no_extension_data() -> None:
    assert body(MESSAGE) == [
        [*PLAIN, 5, 0],
        PICTURE,
        [*FORWARD, [*PLAIN, 8, 1], 4],
        b"mixed",
    ]


def test_a_multipart_without_parts_shows_one_empty_text() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing\r\n"
    assert body(message) == [[*PLAIN, 0, 0], b"mixed"]
    assert bodystructure(message)[0] == [*PLAIN, 0, 0, None, None, None, None]


def test_an_encoded_message_keeps_the_form_of_a_message() -> None:
    message = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
    found = body(message)
    assert found[:2] == [b"message", b"rfc822"]
    assert found[7:] == [[None] * 10, [*PLAIN, 0, 0], 1]


def test_neither_quotes_nor_line_ends_break_out_of_a_string() -> None:
    message = b'Content-Type: text/plain; name="a\\"b\\\\c"\r\nContent-ID: a\0"\r\n\r\n'
    found = bodystructure(message)
    assert found[2][:2] == [b"name", b'a"b\\c']
    assert found[3] == b'a\x80"'


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.name)
def test_every_message_of_the_corpora_has_a_readable_structure(path: Path) -> None:
    message = path.read_bytes()
    assert len(envelope(message)) == 10
    assert bodystructure(message)
    assert body(message)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                b"From: ",
                b"To: x:",
                b"Subject: ",
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
                b"Content-Type: message/rfc822\r\n\r\n",
                b"Content-Disposition: a; b=\xff\r\n",
                b'Content-Type: text/plain; x=\xff; y="',
                b"--b\r\n",
                b"\r\n",
                b"\0",
                b'"',
                b"<@:",
                b"a@b,",
                b"\xff",
                b"(",
                b"\\",
            ]
        ),
        max_size=12,
    )
)
def test_any_message_has_a_readable_structure(pieces: list[bytes]) -> None:
    message = b"".join(pieces)
    assert len(envelope(message)) == 10
    assert bodystructure(message)
    assert body(message)


@pytest.mark.parametrize(("name", "written"), structure._NAMES.items())
def test_common_names_are_written_as_strings(name: str, written: bytes) -> None:
    assert written == string(name.encode())
