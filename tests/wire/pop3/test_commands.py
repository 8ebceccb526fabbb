from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.pop3.commands import (
    Auth,
    Capa,
    Command,
    Dele,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    encode,
    parse,
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"USER budi@example.com", User("budi@example.com")),
        (b"PASS  two spaces ", Pass(" two spaces ")),
        ("PASS päss".encode(), Pass("päss")),
        (b"AUTH", Auth()),
        (b"AUTH PLAIN", Auth("PLAIN")),
        (b"AUTH PLAIN AGEAYg==", Auth("PLAIN", b"AGEAYg==")),
        (b"CAPA", Capa()),
        (b"STLS", Stls()),
        (b"STAT", Stat()),
        (b"LIST", List()),
        (b"LIST 3", List(3)),
        (b"UIDL", Uidl()),
        (b"UIDL 3", Uidl(3)),
        (b"RETR 1", Retr(1)),
        (b"DELE 0", Dele(0)),
        (b"TOP 1 0", Top(1, 0)),
        (b"NOOP", Noop()),
        (b"RSET", Rset()),
        (b"QUIT", Quit()),
    ],
)
def test_a_command_is_read_and_written(line: bytes, command: Command) -> None:
    assert parse(line) == command
    assert encode(command) == line


def test_case_and_trailing_space_do_not_matter() -> None:
    assert parse(b"retr 007 ") == Retr(7)
    assert parse(b"quit ") == Quit()
    assert parse(b"auth plain") == Auth("PLAIN")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"APOP a b",
        b"USER",
        b"USER  ",
        b"PASS",
        b"RETR",
        b"RETR x",
        b"RETR -1",
        b"RETR 1 2",
        b"RETR 12345678901",
        "RETR ٣".encode(),
        b"TOP 1",
        b"LIST 1 2",
        b"QUIT now",
        b"AUTH PLAIN a b",
        b"AUTH pl/ain",
        b"USER a\0b",
        b"USER a\rb",
        b"USER \xff",
        b"PASS " + b"x" * 249,
    ],
)
def test_wrong_lines_are_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse(line)


def test_a_line_of_exactly_the_limit_is_read() -> None:
    assert parse(b"PASS " + b"x" * 248) == Pass("x" * 248)


def test_nothing_can_be_smuggled_into_a_command_written() -> None:
    with pytest.raises(SyntaxFault):
        encode(User("a\r\nDELE 1"))


def test_secrets_are_not_shown_in_a_repr() -> None:
    assert "rahasia" not in repr(Pass("rahasia"))
    assert "AGEAYg" not in repr(Auth("PLAIN", b"AGEAYg=="))


VERBS = st.sampled_from([b"USER ", b"PASS ", b"AUTH ", b"TOP ", b"RETR ", b"LIST ", b"UIDL"])


@given(st.one_of(st.binary(max_size=40), st.builds(bytes.__add__, VERBS, st.binary(max_size=20))))
def test_any_line_is_a_command_that_writes_back_the_same_or_a_fault(line: bytes) -> None:
    try:
        command = parse(line)
    except SyntaxFault:
        return
    assert parse(encode(command)) == command
