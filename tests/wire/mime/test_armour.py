from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import armour, section, text, tree

BINARY = bytes(range(256)) * 2000


def armoured(message: bytes) -> bytes:
    edits = armour.edits(message, tree.parse(message))
    return b"".join(armour.apply(message, edits))


def test_a_binary_part_becomes_base64_and_the_rest_stays() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        b"CONTENT-transfer-encoding:\r\n binary\r\nContent-Transfer-Encoding: binary\r\n"
        b"X: y\r\n\r\n"
        + BINARY + b"\r\n--b--\r\n"
    )  # fmt: skip
    after = armoured(message)
    assert b"\0" not in after
    assert max(map(len, after.split(b"\r\n"))) <= 76
    root = tree.parse(after)
    part = section.find(root, (2,))
    assert part is not None
    assert (part.encoding, text.content(after, part)) == ("base64", BINARY)
    assert after.count(b"ransfer-") == 1
    assert b"\r\n\r\ntext\r\n--b\r\n" in after
    assert b"X: y\r\n\r\n" in after


def test_what_lines_can_tell_stays_as_it_is() -> None:
    message = b"Content-Transfer-Encoding: binary\r\n\r\nabc\r\n"
    assert armour.edits(message, tree.parse(message)) == []
    assert armoured(b"Subject: \0\r\n\r\n\0") == b"Subject: \0\r\n\r\n\0"


@given(st.binary(max_size=300))
def test_nothing_of_a_part_is_lost(body: bytes) -> None:
    message = b"Content-Transfer-Encoding: binary\r\n\r\n" + body + b"\0"
    after = armoured(message)
    assert text.content(after, tree.parse(after)) == body + b"\0"


def test_for_transport_all_binary_parts_are_encoded_but_signed_ones() -> None:
    def part(name: bytes) -> bytes:
        head = b"--%b\r\nContent-Transfer-Encoding: binary\r\n\r\n" % name
        return head + b"a\nb" + b"\r\n--%b--\r\n" % name

    message = (
        b"Content-Type: multipart/mixed; boundary=o\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"--o\r\nContent-Type: multipart/signed; boundary=i\r\n\r\n" + part(b"i") + part(b"o")
    )
    edits = armour.edits_for_transport(message, tree.parse(message))
    after = b"".join(armour.apply(message, edits))
    assert part(b"i") in after
    assert part(b"o") not in after
    assert b"boundary=o\r\nContent-Transfer-Encoding: 8bit\r\n" in after
    assert b"Content-Transfer-Encoding: base64\r\n\r\nYQpi\r\n" in after
