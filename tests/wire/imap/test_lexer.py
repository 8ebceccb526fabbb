from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import lexer
from merpati.wire.imap.lexer import CommandReader, Cursor, Limits, Literal


def test_a_line_without_literal_is_a_whole_command() -> None:
    reader = CommandReader()
    assert reader.feed(b"a1 NOOP") is None
    assert reader.parts == [b"a1 NOOP"]
    assert reader.head() == (b"a1", b"NOOP")


@pytest.mark.parametrize(
    ("line", "literal"),
    [
        (b"a LOGIN {3}", Literal(3, synchronising=True, binary=False, fits=True)),
        (b"a LOGIN {3+}", Literal(3, synchronising=False, binary=False, fits=True)),
        (b"a APPEND x ~{3}", Literal(3, synchronising=True, binary=True, fits=True)),
        (b"a FETCH 1 BODY[HEADER.FIELDS ({0}", Literal(0, True, False, fits=True)),
        (b'a LOGIN "x\\"y" {1}', Literal(1, True, False, fits=True)),
        (b"a APPEND x {999999999999}", Literal(999999999999, True, False, fits=False)),
        # RFC 7888 3: those bytes are on their way, whatever stands before
        (b"a LOGIN x{3+}", Literal(3, synchronising=False, binary=False, fits=True)),
        (b"a LOGIN x~{3+}", Literal(3, synchronising=False, binary=True, fits=True)),
        (b'a LOGIN "x {3+}', Literal(3, synchronising=False, binary=False, fits=True)),
        (b"{3+}", Literal(3, synchronising=False, binary=False, fits=True)),
    ],
)
def test_a_literal_at_the_end_of_a_line_is_announced(line: bytes, literal: Literal) -> None:
    assert CommandReader().feed(line) == literal


@pytest.mark.parametrize(
    "line",
    [
        b'a LOGIN "x {3}',  # inside an open quote
        b'a LOGIN "x\\" {3}',
        b"a LOGIN x{3}",  # no token ends there
        b"a LOGIN {3-}",
        b"a LOGIN {}",
        b"a LOGIN {-3}",
        b"{3}",
        b"~{3}",
        b"}",
        b"a LOGIN {99999999999999999999}",
        b"a LOGIN {9999999999999999999}",
    ],
)
def test_what_only_looks_like_a_literal_is_none(line: bytes) -> None:
    assert CommandReader().feed(line) is None


def test_literals_and_lines_are_kept_in_turn() -> None:
    reader = CommandReader()
    assert reader.feed(b"a LOGIN {2}")
    reader.fill(b"me")
    assert reader.feed(b" {3+}")
    reader.fill(b"a b")
    assert reader.feed(b"") is None
    assert reader.parts == [b"a LOGIN {2}", b"me", b" {3+}", b"a b", b""]


def test_a_literal_beyond_the_limits_does_not_fit() -> None:
    reader = CommandReader(Limits(line=100, literal=10, total=200))
    literal = reader.feed(b"a LOGIN {11+}")
    assert literal == Literal(11, synchronising=False, binary=False, fits=False)
    reader.skip("too long")
    literal = reader.feed(b" {1+}")
    assert literal is not None
    assert not literal.fits  # the command is dead; nothing more is kept for it
    reader.skip("again")
    assert reader.feed(b"") is None
    assert reader.refused == "too long"
    assert reader.parts == [b"a LOGIN {11+}"]


def test_many_small_literals_run_into_the_total() -> None:
    reader = CommandReader(lexer.BEFORE_LOGIN)
    literal = reader.feed(b"a ID ({0+}")
    count = 0
    while literal is not None and literal.fits:
        reader.fill(b"")
        literal = reader.feed(b" {0+}")
        count += 1
    assert literal is not None
    assert 100 < count < lexer.TOTAL_BEFORE_LOGIN // lexer.PART_COST


def test_before_login_the_longest_legal_id_fits_on_a_line() -> None:
    assert lexer.BEFORE_LOGIN.line > 30 * (30 + 1024 + 6)


def test_a_session_that_confuses_lines_and_literals_is_told() -> None:
    reader = CommandReader()
    with pytest.raises(RuntimeError):
        reader.fill(b"x")
    assert reader.feed(b"a LOGIN {3}")
    with pytest.raises(RuntimeError):
        reader.feed(b"b NOOP")
    with pytest.raises(RuntimeError):
        reader.fill(b"toolong")


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b"a uid fetch 1 x", (b"a", b"UID FETCH")),
        (b"a.1] Noop", (b"a.1]", b"NOOP")),
        (b"a+ NOOP", (None, b"")),
        (b"a  NOOP", (None, b"")),
        (b"NOOP", (None, b"")),
        (b"x" * 256 + b" NOOP", (None, b"")),
        (b"", (None, b"")),
    ],
)
def test_the_head_tells_tag_and_name(line: bytes, head: tuple[bytes | None, bytes]) -> None:
    reader = CommandReader()
    reader.feed(line)
    assert reader.head() == head


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([b"atom]"], b"atom]"),
        ([b'"a \\"b\\" \\\\"'], b'a "b" \\'),
        ([b'""'], b""),
        ([b'"caf\xc3\xa9"'], b"caf\xc3\xa9"),
        ([b"{3}", b"\r\n ", b""], b"\r\n "),
        ([b"~"], b"~"),
        ([b"nil"], b"nil"),
    ],
)
def test_an_astring_is_an_atom_a_quoted_string_or_a_literal(
    parts: list[bytes], text: bytes
) -> None:
    cursor = Cursor(parts)
    assert cursor.astring() == text
    cursor.end()


@pytest.mark.parametrize(
    "parts",
    [
        *([b""], [b" a"], [b'"a'], [b'"a\\x"'], [b'"a\rb"'], [b'"a\0"'], [b"(a)"], [b"\xe9"]),
        *([b"{3}"], [b"{1}", b"\0", b""], [b"~{1}", b"a", b""], [b"%"]),
    ],
)
def test_what_is_no_astring_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(SyntaxFault):
        Cursor(parts).astring()


def test_a_thousand_literals_cost_a_thousand_times_one() -> None:
    def seconds(count: int) -> float:
        best = 1.0
        for _ in range(3):
            started = time.process_time()
            reader = CommandReader(Limits(line=100, literal=10, total=10**9))
            reader.feed(b"a X {1+}")
            for _ in range(count):
                reader.fill(b"x")
                reader.feed(b" {1+}")
            reader.fill(b"x")
            reader.feed(b"")
            cursor = Cursor(reader.parts, 4)
            for _ in range(count):
                cursor.astring()
                cursor.space()
            assert cursor.astring() == b"x"
            cursor.end()
            best = min(best, time.process_time() - started)
        return best

    assert seconds(10_000) < 40 * seconds(1_000)


def test_a_long_line_of_quotes_is_looked_at_once() -> None:
    reader = CommandReader()
    started = time.process_time()
    assert reader.feed(b'a X "' + b'\\"' * 30_000 + b" {3}") is None
    assert time.process_time() - started < 0.5


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=6))
def test_any_bytes_can_be_fed(lines: list[bytes]) -> None:
    reader = CommandReader(Limits(line=100, literal=8, total=2000))
    for line in lines:
        literal = reader.feed(b"a X " + line)
        if literal is None:
            break
        if literal.fits:
            reader.fill(b"x" * literal.size)
        else:
            reader.skip("no")
    reader.head()
