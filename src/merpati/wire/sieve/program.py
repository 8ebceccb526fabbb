"""A compiled script: a graph of steps that stores compactly and loads fast.

Theory. Each step is a command or a test and knows which step comes next: `yes` after a
command, or when a test holds, `no` when it does not. `if`, `allof`, `anyof`, `not` and the
ends of blocks are gone, so running a script is a loop over a list, without recursion. A step
that does not exist, `END`, is the end of the script.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault

FORMAT: Final = 1
"""Raised when stored programs can no longer be run: they are then compiled again."""


END: Final = -1
"""The step behind the last one."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing wrong in a script: where (both counted from 1), what, and what to do."""

    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.text}"


class SieveFault(SyntaxFault):
    """A script that cannot be run; `problems` are all that were found, in order."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Variable(msgspec.Struct, frozen=True, array_like=True):
    """A reference to a variable within a string: lower-case name, or the number of a match."""

    name: str | int


Text = str | list[str | Variable]
"""A string: constant, or pieces to be joined when it is used (RFC 5229 3)."""

Value = int | list[Text]
"""An argument. A single string is a list of one."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A command or a test.

    Attributes:
        name: of the command or test, in lower case; no two share a name.
        line: of the script.
        yes, no: the next step.
        arguments: the positional ones.
        tags: lower-case tag without its colon to its value; 1 for one that has none.
    """

    name: str
    line: int
    yes: int
    no: int
    arguments: list[Value] = []
    tags: dict[str, Value] = {}


class Program(msgspec.Struct, frozen=True):
    """A script that was found to be in order.

    Attributes:
        steps: see the module's docstring.
        first: the step to begin with.
        requires: the extensions it uses, sorted.
    """

    steps: list[Step]
    first: int
    requires: list[str]
    format: int = FORMAT


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Program)


def encode(program: Program) -> bytes:
    """The stored form."""
    return _ENCODER.encode(program)


def decode(data: bytes) -> Program:
    """The program that `encode` stored.

    Raises:
        SyntaxFault: something else, or of another format: compile the script again.
    """
    try:
        program = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise SyntaxFault("a stored Sieve program cannot be read; compile it again") from fault
    if program.format != FORMAT:
        raise SyntaxFault("a stored Sieve program is of another release; compile it again")
    return program
