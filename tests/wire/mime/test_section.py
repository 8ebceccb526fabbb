from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import section, tree

if TYPE_CHECKING:
    from merpati.wire.mime.section import Text

IMAPTEST = Path(__file__).parents[2] / "corpora/imaptest"
KINDS: dict[str, Text] = {kind: kind for kind in get_args(section.Text)}

# A reply of a script: the section, and after it the literal between triple braces.
_REPLY = re.compile(
    rb"^\* 1 fetch \(body\[(.*?)\] \{\{\{\n(.*?)\n\}\}\}\)$", re.DOTALL | re.MULTILINE
)
_SECTION = re.compile(r"([0-9.]*?)\.?([A-Z][A-Z.]*)?(?: \((.*)\))?")

FORWARDED = (
    b"Content-Type: message/rfc822\r\n\r\n"
    b"Subject: in\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
)
SIMPLE = b"Subject: x\r\n\r\nbody\r\n"


def cases() -> list[tuple[str, str, bytes]]:
    groups = ["mime", "message-rfc822", "message-rfc822-x2", "message-rfc822-mime"]
    found = []
    for group in groups:
        script = (IMAPTEST / f"fetch-body-{group}").read_bytes()
        for name, text in _REPLY.findall(script):
            found.append((f"fetch-body-{group}", name.decode().upper(), text))
    return found


def fetch(message: bytes, name: str) -> bytes | None:
    """What FETCH BODY[name] returns."""
    match = _SECTION.fullmatch(name)
    assert match is not None
    numbers = tuple(int(number) for number in match[1].split(".") if number)
    kind = KINDS[match[2]] if match[2] else None
    where = section.locate(tree.parse(message), numbers, kind)
    if where is None:
        return None
    if kind in {"HEADER.FIELDS", "HEADER.FIELDS.NOT"}:
        names = match[3].encode().split()
        return section.fields(message, where, names, exclude=kind == "HEADER.FIELDS.NOT")
    return message[slice(*where)]


@pytest.mark.parametrize(("group", "name", "wanted"), cases())
def test_sections_are_those_that_imaptest_expects(group: str, name: str, wanted: bytes) -> None:
    _, _, message = (IMAPTEST / f"{group}.mbox").read_bytes().partition(b"\n")
    assert fetch(message.replace(b"\n", b"\r\n"), name) == wanted.replace(b"\n", b"\r\n")


def test_imaptest_asks_for_many_sections() -> None:
    assert len(cases()) > 40


@pytest.mark.parametrize(
    "name", ["0", "2", "1.1", "1.HEADER", "1.TEXT", "MIME", "1.1.MIME", "4294967296"]
)
def test_a_section_that_is_not_there_is_none(name: str) -> None:
    assert fetch(SIMPLE, name) is None


def test_the_one_part_of_a_simple_message_has_the_messages_header() -> None:
    assert fetch(SIMPLE, "1") == fetch(SIMPLE, "TEXT") == b"body\r\n"
    assert fetch(SIMPLE, "1.MIME") == fetch(SIMPLE, "HEADER") == b"Subject: x\r\n\r\n"


def test_an_inner_message_counts_its_parts_from_one() -> None:
    assert fetch(FORWARDED, "1.1") == b"one"
    assert fetch(FORWARDED, "1.1.MIME") == b"\r\n"
    assert fetch(FORWARDED, "1.2") is None
    assert fetch(FORWARDED, "1.1.1") is None


def test_field_names_ignore_case_and_keep_the_order_of_the_message() -> None:
    message = b"B: 1\r\n x\r\na: 2\r\nnot a field\r\nb : 3\r\n\r\nC: body"
    assert fetch(message, "HEADER.FIELDS (B A C)") == b"B: 1\r\n x\r\na: 2\r\nb : 3\r\n\r\n"
    assert fetch(message, "HEADER.FIELDS.NOT (B)") == b"a: 2\r\nnot a field\r\n\r\n"


def test_a_header_without_an_empty_line_is_told_without_one() -> None:
    assert fetch(b"A: 1\r\nB: 2\r\n", "HEADER.FIELDS (B)") == b"B: 2\r\n"
    assert fetch(b"A: 1\r\nB: 2", "HEADER.FIELDS (B)") == b"B: 2"
    assert fetch(b"A: 1\r\nB: 2\r\n", "HEADER.FIELDS (C)") == b""
    assert fetch(b"A: 1\n\n", "HEADER.FIELDS (C)") == b"\r\n"
    assert fetch(b"\r\nbody", "HEADER.FIELDS (C)") == b"\r\n"


@given(
    st.binary(max_size=200), st.lists(st.integers(0, 3), max_size=4), st.sampled_from(list(KINDS))
)
def test_a_section_lies_within_the_message(data: bytes, numbers: list[int], name: str) -> None:
    where = section.locate(tree.parse(data), tuple(numbers), KINDS[name])
    assert where is None or 0 <= where[0] <= where[1] <= len(data)
