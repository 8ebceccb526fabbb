from __future__ import annotations

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.mime import text, transfer, tree

BODY = bytes(range(256)) * 3000  # several chunks, once it is encoded


def part_of(body: bytes, encoding: str) -> tuple[bytes, tree.Part]:
    message = b"Content-Transfer-Encoding: %b\r\n\r\n%b" % (encoding.encode(), body)
    return message, tree.parse(message)


def index_of(message: bytes, part: tree.Part) -> transfer.Index:
    survey = transfer.Survey(part)
    for piece, mark in transfer.decode(message, part, transfer.begin(part)):
        survey.add(piece, mark)
    return survey.index()


def encoded(encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(BODY).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(BODY.replace(b"\r", b"").replace(b"\n", b"\r\n"))
    return BODY


def test_an_index_tells_size_and_kind_of_what_was_encoded() -> None:
    message, part = part_of(base64.encodebytes(b"halo"), "base64")
    found = index_of(message, part)
    assert (found.size, found.has_nul, found.is_ascii) == (4, False, True)
    message, part = part_of(encoded("base64"), "base64")
    found = index_of(message, part)
    assert (found.size, found.has_nul, found.is_ascii) == (len(BODY), True, False)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["base64", "quoted-printable", "binary"]),
    st.integers(0, len(BODY)),
)
def test_decoding_can_begin_at_any_mark(encoding: str, offset: int) -> None:
    message, part = part_of(encoded(encoding), encoding)
    whole = text.content(message, part)
    marks = [transfer.begin(part)]
    pieces = []
    for piece, mark in transfer.decode(message, part, marks[0]):
        pieces.append(piece)
        marks.append(mark)
    assert b"".join(pieces) == whole
    assert len(marks) > 2
    mark = transfer.Index(len(whole), False, False, tuple(marks)).before(offset)
    assert mark.decoded <= offset
    again = b"".join(piece for piece, _ in transfer.decode(message, part, mark))
    assert again == whole[mark.decoded :]
