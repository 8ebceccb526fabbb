"""A script as a tree of commands (RFC 5228 8.2), and what is wrong with its form.

    start     = commands
    command   = identifier arguments (";" / "{" commands "}")
    arguments = *(string-list / number / tag) [test / "(" test *("," test) ")"]

The tree keeps the comments, so that `writer` can write it again. Reading goes on after a
mistake, to find the next one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.wire.sieve import lexer
from merpati.wire.sieve.lexer import Source, Token
from merpati.wire.sieve.program import Problem, SieveFault

MAX_NESTING: Final = 32
"""Blocks and tests within each other; RFC 5228 2.10.7 wants 15 at least."""

MAX_PROBLEMS: Final = 50
"""So many problems are told of; who has more will mend these first."""

MAX_SOURCE: Final = 1 << 20
"""Bytes of a script, unless the caller wants another bound."""


class Tag(msgspec.Struct, frozen=True, tag=True):
    """A tagged argument; `name` in lower case, without its colon."""

    name: str
    at: int = 0


class Number(msgspec.Struct, frozen=True, tag=True):
    """A number, its unit multiplied in."""

    value: int
    at: int = 0


class Strings(msgspec.Struct, frozen=True, tag=True):
    """A string, or with `listed` a list of them in brackets; line ends are CRLF."""

    texts: list[str]
    listed: bool = False
    at: int = 0


Argument = Tag | Number | Strings


class Node(msgspec.Struct):
    """A command or a test.

    Attributes:
        name: in lower case.
        at: offset in the text of the script.
        tests: the tests it takes; in parentheses when `grouped`.
        block: the commands in braces, or None when there are no braces.
        comments: before it, or among its arguments, marks included.
        trailing: a comment in the line in which it ends.
        closing: comments before the closing brace.
        blank: an empty line stands before it and its comments.
    """

    name: str
    at: int = 0
    arguments: list[Argument] = []
    tests: list[Node] = []
    grouped: bool = False
    block: list[Node] | None = None
    comments: list[str] = []
    trailing: str = ""
    closing: list[str] = []
    blank: bool = False


class Tree(msgspec.Struct):
    """A whole script; `closing` are the comments after the last command."""

    commands: list[Node]
    closing: list[str] = []


class _Wrong(Exception):  # noqa: N818 -- what is wrong has been noted; reading goes on elsewhere
    """The rest of this command cannot be understood."""


def parse(source: Source, problems: list[Problem]) -> Tree:
    """The tree of a script, as far as it can be read; what cannot is added to `problems`."""
    return _Parser(source, problems).script()


def read(source: bytes, limit: int = MAX_SOURCE) -> Tree:
    """The tree of a script whose form is right, whether or not it makes sense.

    Raises:
        SieveFault: it does not follow the grammar.
    """
    problems: list[Problem] = []
    tree = parse(Source(source, limit), problems)
    if problems:
        raise SieveFault(sorted(problems))
    return tree


class _Parser:
    """Reads with one token of foresight."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self._tokens = lexer.tokens(source, problems)
        self._comments: list[str] = []
        self._blank = False  # an empty line stands before the first of them
        self._last = 0  # offset of the token before `token`
        self.token = Token("", "", 0)
        self._advance()

    def script(self) -> Tree:
        commands: list[Node] = []
        while True:
            self._commands(commands, 1)
            if self.token.kind == "end":
                return Tree(commands, self._take_comments())
            if not self._full():
                self._note(self.token, 'this "}" closes nothing; remove it')
            self._advance()

    def _commands(self, commands: list[Node], depth: int) -> None:
        """Read commands up to a closing brace or the end."""
        while self.token.kind not in {"}", "end"}:
            if self._full():
                self._skip_all()
                return
            try:
                commands.append(self._command(depth))
            except _Wrong:
                self._recover()

    def _command(self, depth: int) -> Node:
        if self.token.kind != "word":
            raise self._wrong("a command should begin here, with a word such as keep")
        node = self._node()
        self._arguments(node, depth)
        if self.token.kind == ";":
            self._end(node)
        elif self.token.kind == "{":
            self._open(depth)
            node.block = []
            self._commands(node.block, depth + 1)
            node.closing = self._take_comments()
            if self.token.kind != "}":
                raise self._wrong(f'the block of "{node.name}" is not closed; write a "}}"')
            self._end(node)
        else:
            raise self._wrong(f'";" is missing after the arguments of "{node.name}"', missing=True)
        return node

    def _node(self) -> Node:
        node = Node(
            self.token.text.lower(),
            self.token.at,
            arguments=[],
            tests=[],
            blank=self._blank if self._comments else self.token.blank,
            comments=self._take_comments(),
            closing=[],
        )
        self._advance()
        return node

    def _arguments(self, node: Node, depth: int) -> None:
        while True:
            kind, text, at, _ = self.token
            if kind == "tag":
                node.arguments.append(Tag(text.lower(), at))
                self._advance()
            elif kind == "number":
                value = lexer.number(text)
                if value is None:
                    self._note(self.token, f"this number is over {lexer.MAX_NUMBER}")
                node.arguments.append(Number(value or 0, at))
                self._advance()
            elif kind == "string":
                node.arguments.append(Strings([text], at=at))
                self._advance()
            elif kind == "[":
                node.arguments.append(self._string_list())
            else:
                break
        if self.token.kind == "word":
            self._open(depth, consume=False)
            node.tests = [self._test(depth + 1)]
        elif self.token.kind == "(":
            self._open(depth)
            node.grouped = True
            while True:
                node.tests.append(self._test(depth + 1))
                if self.token.kind == ")":
                    break
                if self.token.kind != ",":
                    raise self._wrong('"," or ")" is missing after this test', missing=True)
                self._advance()
            self._advance()
        node.comments += self._take_comments()

    def _test(self, depth: int) -> Node:
        if self.token.kind != "word":
            raise self._wrong("a test should stand here, such as header or true")
        node = self._node()
        self._arguments(node, depth)
        return node

    def _string_list(self) -> Strings:
        at = self.token.at
        texts: list[str] = []
        self._advance()
        while True:
            if self.token.kind != "string":
                raise self._wrong("a string in quotes should stand here")
            texts.append(self.token.text)
            self._advance()
            if self.token.kind == "]":
                break
            if self.token.kind != ",":
                raise self._wrong('"," or "]" is missing after this string', missing=True)
            self._advance()
        self._advance()
        return Strings(texts, listed=True, at=at)

    def _end(self, node: Node) -> None:
        """Step over the mark that ends a command, and take the comment of its line."""
        line = self.source.where(self.token.at)[0]
        self._advance(trailing_of=node, line=line)

    def _advance(self, trailing_of: Node | None = None, line: int = 0) -> None:
        self._last = self.token.at + max(len(self.token.text), 1) - 1
        for token in self._tokens:
            if token.kind != "comment":
                self.token = token
                return
            if trailing_of is not None and self.source.where(token.at)[0] == line:
                trailing_of.trailing = token.text
                trailing_of = None
            else:
                if not self._comments:
                    self._blank = token.blank
                self._comments.append(token.text)

    def _take_comments(self) -> list[str]:
        comments, self._comments = self._comments, []
        return comments

    def _open(self, depth: int, *, consume: bool = True) -> None:
        if depth >= MAX_NESTING:
            text = f"more than {MAX_NESTING} blocks and tests within each other; split the script"
            self._note(self.token, text)
            self._skip_all()
            raise _Wrong
        if consume:
            self._advance()

    def _full(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS

    def _note(self, token: Token, text: str) -> None:
        self.problems.append(Problem(*self.source.where(token.at), text))

    def _wrong(self, text: str, *, missing: bool = False) -> _Wrong:
        """Note what is wrong; what is `missing` is missed where the last token ended."""
        at = self._last if missing else self.token.at
        self.problems.append(Problem(*self.source.where(at), text))
        return _Wrong()

    def _recover(self) -> None:
        """Go on behind the next semicolon or block, or before the brace that closes this one."""
        depth = 0
        while self.token.kind != "end":
            kind = self.token.kind
            if kind == "}" and not depth:
                return
            self._advance()
            if kind == "{":
                depth += 1
            elif kind == "}":
                depth -= 1
                if not depth:
                    return
            elif kind == ";" and not depth:
                return

    def _skip_all(self) -> None:
        """Give up: what is left of the script is not even cut into tokens."""
        self._tokens = iter(())
        self.token = Token("end", "", len(self.source.text))
