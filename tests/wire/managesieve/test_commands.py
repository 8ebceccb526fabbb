from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.managesieve import commands, responses, strings
from merpati.wire.managesieve.commands import (
    Authenticate,
    Capability,
    CheckScript,
    Command,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    Unauthenticate,
)  # fmt: skip
from merpati.wire.managesieve.responses import Code, Condition, Response

NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
    min_size=1, max_size=128,
)  # fmt: skip
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(Authenticate, st.sampled_from(["PLAIN", "SCRAM-SHA-256"]),
              st.none() | st.sampled_from([b"", b"AGEAYg=="])),
    st.sampled_from([StartTls(), Logout(), Capability(), ListScripts(), Unauthenticate()]),
    st.builds(HaveSpace, NAMES, st.integers(0, strings.NUMBER_LIMIT)),
    st.builds(PutScript, NAMES, st.binary(max_size=300)),
    st.builds(SetActive, st.just("") | NAMES),
    st.builds(GetScript, NAMES),
    st.builds(DeleteScript, NAMES),
    st.builds(RenameScript, NAMES, NAMES),
    st.builds(CheckScript, st.binary(max_size=300)),
    st.builds(Noop, st.none() | st.text(st.characters(codec="utf-8"), max_size=50)),
)  # fmt: skip


def pieces_of(line: bytes) -> list[bytes]:
    """What a session reads of a command: texts, and a literal after each but the last."""
    pieces = []
    while True:
        text, _, line = line.partition(b"\r\n")
        pieces.append(text)
        size = strings.announced(text)
        if size is None:
            return pieces
        pieces.append(line[:size])
        line = line[size:]


@given(COMMANDS)
def test_what_was_written_is_read_the_same(command: Command) -> None:
    assert commands.parse(pieces_of(commands.encode(command))) == command


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_bytes_are_a_command_or_a_syntax_fault(pieces: list[bytes]) -> None:
    try:
        command = commands.parse(pieces)
    except SyntaxFault:
        return
    assert commands.parse(pieces_of(commands.encode(command))) == command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'AUTHENTICATE "PLAIN" "QJIrweAPyo6Q1T9xu"',
         Authenticate("PLAIN", b"QJIrweAPyo6Q1T9xu")),
        (b'HAVESPACE "myscript" 999999', HaveSpace("myscript", 999_999)),
        (b'setactive "vacationscript"', SetActive("vacationscript")),
        (b'SETACTIVE ""', SetActive("")),
        (b'RENAMESCRIPT "foo"   "\\"b\\\\"', RenameScript("foo", '"b\\')),
        (b'NOOP "STARTTLS-SYNC-42"', Noop("STARTTLS-SYNC-42")),
        (b"NOOP", Noop()),
        (b'PUTSCRIPT "f" {3+}\r\na\r\n', PutScript("f", b"a\r\n")),
        (b"PUTSCRIPT {1+}\r\nf {0+}\r\n", PutScript("f", b"")),
        (b'PUTSCRIPT "f" "keep;"', PutScript("f", b"keep;")),
        (b'GETSCRIPT "\xc3\xa9"', GetScript("é")),
    ],
)  # fmt: skip
def test_commands_of_rfc_5804_are_understood(line: bytes, command: Command) -> None:
    assert commands.parse(pieces_of(line + b"\r\n")) == command


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"NONSENSE", b'"NOOP"', b"LOGOUT 1", b"GETSCRIPT", b"GETSCRIPT name",
        b'GETSCRIPT ""', b'GETSCRIPT "a\x01b"', b'GETSCRIPT "a\xc2\x85"', b'GETSCRIPT "\xff"',
        b'GETSCRIPT "' + b"a" * 129 + b'"', b'HAVESPACE "a" "9"', b'HAVESPACE "a" 4294967296',
        b'GETSCRIPT "a\\b"', b'GETSCRIPT "a', b'GETSCRIPT "a""b"', b'SETACTIVE "a" "b"',
        b'GETSCRIPT "' + b"\\\\" * 600 + b'"', b'AUTHENTICATE "A B"', b"NOOP {1}x\r\n",
        b'PUTSCRIPT"f"{1+}\r\nx',
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        commands.parse(pieces_of(line + b"\r\n"))


def test_a_literal_is_announced_by_its_size_at_the_end_of_a_line() -> None:
    assert strings.announced(b'PUTSCRIPT "a" {31+}') == 31
    assert strings.announced(b'PUTSCRIPT "a" {31}') == 31
    assert strings.announced(b'PUTSCRIPT "{31+}"') is None
    with pytest.raises(SyntaxFault):
        strings.announced(b"{9999999999+}")


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_any_bytes_are_a_response_or_a_syntax_fault(pieces: list[bytes]) -> None:
    try:
        responses.parse(pieces)
    except SyntaxFault:
        return


@given(
    st.sampled_from(Condition), st.text(st.characters(codec="utf-8"), max_size=2000),
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=200),
)  # fmt: skip
def test_a_condition_is_read_as_it_was_written(
    kind: Condition, text: str, argument: str | None
) -> None:
    code = Code.NONE if argument is None else Code.TAG
    line = responses.condition(kind, text, code, argument)
    assert responses.parse(pieces_of(line)) == Response(kind, code.value, argument or "", text)


def test_a_long_text_is_cut_within_its_characters() -> None:
    found = responses.parse(pieces_of(responses.no("é" * responses.TEXT_LIMIT)))
    assert isinstance(found, Response)
    assert len(found.text.encode()) == responses.TEXT_LIMIT
