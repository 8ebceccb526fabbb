from __future__ import annotations

import email
import email.policy
import mmap
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.wire.mime import headers, tree
from tests.support.growth import LINEAR, growth

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = (
    b"Received: from a.example\r\n\tby b.example;\r\n Mon, 1 Jan 2024 10:00:00 +0000\r\n"
    b"Subject:  Hello \r\n"
    b"To: a@example.org\r\n"
    b"X-Empty:\r\n"
    b"to: b@example.org\r\n"
    b"\r\n"
    b"Body: not a field\r\n\r\nmore\r\n"
)
HEADER_BYTES = st.lists(
    st.sampled_from(
        [
            b"A",
            b"Name",
            b":",
            b" ",
            b"\t",
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b"\xfc",
            b"From ",
            b"\r\n ",
        ]
    )
    | st.binary(max_size=3),
    max_size=40,
).map(b"".join)


def test_fields_keep_order_name_raw_value_and_offsets() -> None:
    read = headers.split(MESSAGE)
    assert [field.name for field in read.fields] == [
        b"Received",
        b"Subject",
        b"To",
        b"X-Empty",
        b"to",
    ]
    assert [field.key for field in read.fields][2:] == [b"to", b"x-empty", b"to"]
    received, subject, *_ = read.fields
    assert received.raw_value == (
        b" from a.example\r\n\tby b.example;\r\n Mon, 1 Jan 2024 10:00:00 +0000"
    )
    assert MESSAGE[subject.start : subject.end] == b"Subject:  Hello \r\n"
    assert read.body_start == MESSAGE.index(b"Body:")


def test_get_gives_the_first_value_unfolded_and_stripped() -> None:
    read = headers.split(MESSAGE)
    assert read.get(b"received") == (
        b"from a.example\tby b.example; Mon, 1 Jan 2024 10:00:00 +0000"
    )
    assert read.get(b"subject") == b"Hello"
    assert read.get(b"x-empty") == b""
    assert read.get(b"body") is None
    assert read.get_all(b"to") == [b"a@example.org", b"b@example.org"]
    assert read.get_all(b"cc") == []
    assert read.fields[1].value == b"Hello"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_both_line_ends_are_read(line_end: bytes) -> None:
    message = b"A: 1\n b\nC: 2\n\nbody\n".replace(b"\n", line_end)
    read = headers.split(message)
    assert [field.value for field in read.fields] == [b"1 b", b"2"]
    assert message[read.body_start :] == b"body" + line_end


@pytest.mark.parametrize(
    ("buffer", "body_start", "values"),
    [
        (b"", 0, []),
        (b"\r\nbody", 2, []),
        (b"\nbody", 1, []),
        (b"A: 1", 4, [b"1"]),
        (b"A: 1\r\n", 6, [b"1"]),
        (b"A: 1\r\n\r\n", 8, [b"1"]),
        (b"A: 1\n\r\nb", 7, [b"1"]),
        (b"A: 1\r\n \r\nB: 2\r\n\r\n", 17, [b"1", b"2"]),  # a line of white space is a fold
        (b"A: 1\r", 5, [b"1"]),
    ],
)
def test_the_first_empty_line_ends_the_header(
    buffer: bytes, body_start: int, values: list[bytes]
) -> None:
    read = headers.split(buffer)
    assert read.body_start == body_start
    assert [field.value for field in read.fields] == values


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (b"Subject : spaced\r\n", b"subject", b"spaced"),
        (b"no colon here\r\n", b"", b"no colon here"),
        (b"From joe Mon Jan  1 10:00:00 2024\r\n", b"", b"From joe Mon Jan  1 10:00:00 2024"),
        (b" continues: nothing\r\n", b"", b"continues: nothing"),
        (b": no name\r\n", b"", b": no name"),
        (b"Bad Name: x\r\n", b"", b"Bad Name: x"),
        (b"X\0Y: z\r\n", b"", b"X\0Y: z"),
        ("Betreff-ü: grün\r\n".encode(), "betreff-ü".encode(), "grün".encode()),
        (b"A: 1\rB: 2\r\n", b"a", b"1\rB: 2"),
        (b"A: 1\0\r\n", b"a", b"1\0"),
    ],
)
def test_a_broken_line_costs_only_itself(line: bytes, key: bytes, value: bytes) -> None:
    read = headers.split(line + b"Next: field\r\n\r\nbody")
    assert [field.key for field in read.fields] == [key, b"next"]
    assert read.fields[0].value == value
    assert read.get(b"next") == b"field"


def test_a_part_is_read_inside_its_range() -> None:
    buffer = b"junk\r\n\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\nbody"
    read = headers.split(buffer, 8, 20)
    assert [(field.key, field.start, field.end) for field in read.fields] == [
        (b"a", 8, 14),
        (b"b", 14, 20),
    ]
    assert read.body_start == 20


def test_a_mapped_file_reads_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert headers.split(mapped) == headers.split(MESSAGE)


def test_fields_beyond_the_limits_are_absent_and_the_body_is_still_found() -> None:
    many = b"A: 1\r\n" * (headers.MAX_FIELDS + 10) + b"\r\nbody"
    read = headers.split(many)
    assert len(read.fields) == headers.MAX_FIELDS
    assert many[read.body_start :] == b"body"

    long = b"A: 1\r\nB: " + b"x" * headers.MAX_BYTES + b"\r\nC: 3\r\n\r\nbody"
    read = headers.split(long)
    assert [field.key for field in read.fields] == [b"a"]
    assert long[read.body_start :] == b"body"


@pytest.mark.parametrize("shift", range(-6, 7))
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_an_empty_line_at_the_size_limit_is_found(shift: int, line_end: bytes) -> None:
    size = headers.MAX_BYTES + shift - len(b"A: ")
    buffer = b"A: " + b"x" * size + line_end + line_end + b"body" + line_end * 2 + b"more"
    assert buffer[headers.split(buffer).body_start :].startswith(b"body")


@given(HEADER_BYTES, st.integers(0, 6))
@example(b"A:\r\n\r", 0)
@example(b"\r", 0)
@example(b"A: \r\r\n\r\n", 0)
@example(b"A\r\r", 2)
@settings(max_examples=300)
def test_fields_lie_end_to_end_whatever_the_bytes(data: bytes, start: int) -> None:
    start = min(start, len(data))
    read = headers.split(data, start)
    at = start
    for field in read.fields:
        assert field.start == at < field.end
        at = field.end
        assert field.key == field.name.lower()
        assert b"\n" not in field.value
    assert data[at : read.body_start] in {b"", b"\n", b"\r\n"}
    assert headers.split(data[: read.body_start], start) == read


def test_ordinary_headers_read_as_the_standard_library_reads_them() -> None:
    judged = email.message_from_bytes(MESSAGE, policy=email.policy.compat32)
    read = headers.split(MESSAGE)
    assert [field.name.decode() for field in read.fields] == judged.keys()
    assert [field.value.decode() for field in read.fields] == [
        value.replace("\r\n", "").strip() for value in judged.values()
    ]


@pytest.mark.parametrize(
    "unit",
    [b"\n ", b"\r", b"\r\n \r\n b", b"a", b":", b" ", b"\0", b"x\n", b"a:\n", b"\r\r\r\n ", b"a\t"],
)
def test_time_grows_with_the_header_and_no_faster(unit: bytes) -> None:
    assert growth(headers.split, unit, headers.MAX_BYTES // 2, start=b"a:") <= LINEAR


@given(HEADER_BYTES | st.lists(st.sampled_from([b"To: a", b"tO:b", b"\r\n", b" c"])).map(b"".join))
@example(b"From: a\r\nTo: b\r\n\tc\r\nto : d\r\n")
@settings(max_examples=300)
def test_collected_values_are_those_of_the_fields(data: bytes) -> None:
    root = tree.parse(data)
    keys, joined = {b"name", b"a", b"to"}, {b"to"}
    fields = headers.split(data, root.header_start, root.body_start).fields
    wanted = headers.choose([(field.name, field.raw_value) for field in fields], keys, joined)
    assert headers.collect(data, root.header_start, root.body_start, keys, joined) == wanted
    assert wanted.get(b"a") == next((field.value for field in fields if field.key == b"a"), None)
    recipients = [field.value for field in fields if field.key == b"to"]
    assert wanted.get(b"to", b"") == b", ".join(recipients)


def test_collecting_keeps_the_limits_of_a_header() -> None:
    many = b"A: 1\r\n" * headers.MAX_FIELDS + b"Name: 2\r\n\r\n"
    assert headers.collect(many, 0, len(many), {b"a", b"name"}) == {b"a": b"1"}
    long = b"A: 1\r\nName: " + b"x" * headers.MAX_BYTES + b"\r\n\r\n"
    assert headers.collect(long, 0, len(long), {b"a", b"name"}) == {b"a": b"1"}
