"""A tree of commands as a script that is good to read, comments kept.

What `grammar.read` makes of it is the tree again, but for comments among the arguments of a
command, which are written before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.sieve.grammar import Number, Strings, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merpati.wire.sieve.grammar import Argument, Node, Tree

NEWLINE: Final = "\r\n"
INDENT: Final = "    "
_WIDTH: Final = 76  # of a list of strings, before each string gets a line
_UNITS: Final = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))
_FOLLOWS: Final = frozenset({"elsif", "else"})


def write(tree: Tree) -> bytes:
    """The script of a tree, in UTF-8 with CRLF at its line ends."""
    lines = [*nodes(tree.commands, 0), *tree.closing]
    return "".join(line + NEWLINE for line in lines).encode()


def nodes(commands: list[Node], depth: int) -> Iterator[str]:
    """The lines of some commands, so many blocks deep."""
    margin = INDENT * depth
    for place, node in enumerate(commands):
        if node.blank and place and node.name not in _FOLLOWS:
            yield ""
        for comment in _comments(node):
            yield margin + comment
        trailing = f" {node.trailing}" if node.trailing else ""
        head = margin + node.name + _arguments(node, depth)
        if node.block is None:
            yield f"{head};{trailing}"
            continue
        yield f"{head} {{"
        yield from nodes(node.block, depth + 1)
        for comment in node.closing:
            yield margin + INDENT + comment
        yield f"{margin}}}{trailing}"


def string(text: str) -> str:
    """A string as a script writes it: quoted, or in lines of its own where it ends with one."""
    if text.endswith(NEWLINE) and text.count(NEWLINE) > 1:
        lines = text.removesuffix(NEWLINE).split(NEWLINE)
        stuffed = ["." + line if line.startswith(".") else line for line in lines]
        return NEWLINE.join(["text:", *stuffed, "."]) + NEWLINE
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comments(node: Node) -> Iterator[str]:
    """The comments of a command and of all its tests."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield from one.comments
        waiting.extend(reversed(one.tests))


def _arguments(node: Node, depth: int) -> str:
    pieces = ["", *(_argument(argument, depth) for argument in node.arguments)]
    if node.grouped:
        pieces.append(_group(node.tests, depth))
    elif node.tests:
        pieces.append(_test(node.tests[0], depth))
    return " ".join(pieces)


def _test(node: Node, depth: int) -> str:
    return node.name + _arguments(node, depth)


def _group(tests: list[Node], depth: int) -> str:
    if len(tests) == 1:
        return f"({_test(tests[0], depth)})"
    margin = NEWLINE + INDENT * (depth + 1)
    return "(" + margin + f",{margin}".join(_test(test, depth + 1) for test in tests) + ")"


def _argument(argument: Argument, depth: int) -> str:
    if isinstance(argument, Tag):
        return ":" + argument.name
    if isinstance(argument, Number):
        return _number(argument.value)
    assert isinstance(argument, Strings)
    if not argument.listed:
        return string(argument.texts[0])
    texts = [string(text) for text in argument.texts]
    line = f"[{', '.join(texts)}]"
    if len(line) <= _WIDTH or NEWLINE in line:
        return line
    margin = NEWLINE + INDENT * (depth + 1)
    return "[" + margin + f",{margin}".join(texts) + "]"


def _number(value: int) -> str:
    for unit, letter in _UNITS:
        if value and value % unit == 0:
            return f"{value // unit}{letter}"
    return str(value)
