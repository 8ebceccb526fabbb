"""From a script to the program that runs: checked, and all mistakes told at once.

Theory. A program is a graph whose steps know what follows them, so commands are compiled
from the last to the first: what comes next is then known. A loop is the one exception; its
step is reserved before its body is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.sieve import grammar, vocabulary
from merpati.wire.sieve.arguments import Binder
from merpati.wire.sieve.grammar import MAX_PROBLEMS, MAX_SOURCE, Node, Strings, Tree
from merpati.wire.sieve.lexer import Source
from merpati.wire.sieve.program import END, Problem, Program, SieveFault, Step
from merpati.wire.sieve.vocabulary import COMMANDS, IMPLIED, TESTS, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merpati.wire.sieve.arguments import Bound

_CHAIN: Final = frozenset({"elsif", "else"})
# They change how a script is read, so it cannot ask for them while it runs (RFC 5463 4).
_NEVER_ASKED: Final = frozenset({"encoded-character", "variables"})


def compile_script(
    source: bytes,
    *,
    extensions: frozenset[str] = vocabulary.EXTENSIONS,
    limit: int = MAX_SOURCE,
) -> Program:
    """The program of a script.

    Args:
        source: the script, in UTF-8.
        extensions: those that scripts may require here.
        limit: the longest script, in bytes.

    Raises:
        SieveFault: what is wrong with it: as much as can be found at once.
    """
    problems: list[Problem] = []
    text = Source(source, limit)
    tree = grammar.parse(text, problems)
    compiler = _Compiler(text, problems, extensions)
    program = compiler.program(tree)
    if problems:
        raise SieveFault(sorted(set(problems))[:MAX_PROBLEMS])
    return program


class _Compiler:
    """Compiles one script."""

    def __init__(self, source: Source, problems: list[Problem], supported: frozenset[str]) -> None:
        self.source = source
        self.supported = supported
        self.enabled: set[str] = set()
        self.binder = Binder(source, problems, self.enabled)
        self.steps: list[Step] = []
        # The loops around the command at hand: name, and the step behind the loop.
        self.loops: list[tuple[str, int]] = []

    def program(self, tree: Tree) -> Program:
        commands = tree.commands
        begin = 0
        while begin < len(commands) and commands[begin].name == "require":
            self._require(commands[begin])
            begin += 1
        requires = sorted(self.enabled)
        if "ihave" in self.enabled:  # RFC 5463 4: what is asked for may then be used
            for test in _all(commands):
                if test.name == "ihave" and self._have(test):
                    self._enable(_constants(test))
        first = self._block(commands[begin:], END)
        return Program(self.steps, first, requires)

    def _require(self, node: Node) -> None:
        self._bind(node, COMMANDS["require"])
        wanted = _constants(node)
        for name in wanted:
            if name not in self.supported:
                self._wrong(
                    node, f'the extension "{name[:60]}" is not known here; remove it from require'
                )
        self._enable([name for name in wanted if name in self.supported])

    def _have(self, test: Node) -> bool:
        """Are all extensions known that an `ihave` asks for?"""
        names = set(_constants(test))
        return names <= self.supported and names.isdisjoint(_NEVER_ASKED - self.enabled)

    def _enable(self, names: list[str]) -> None:
        for name in names:
            self.enabled.add(name)
            self.enabled.update(IMPLIED.get(name, ()))

    def _wrong(self, node: Node, text: str) -> None:
        self.binder.wrong(node.at, text)

    def _add(self, node: Node, bound: Bound, yes: int, no: int = END) -> int:
        """Append a step; its index."""
        arguments, tags = bound
        line = self.source.where(node.at)[0]
        self.steps.append(Step(node.name, line, yes, no, arguments, tags))
        return len(self.steps) - 1

    # -- commands ------------------------------------------------------------------------

    def _block(self, nodes: list[Node], after: int) -> int:
        """The first step of some commands that go on with the step `after`."""
        waiting: list[Node] = []  # the branches of an `if`, last first
        for node in reversed(nodes):
            if node.name in _CHAIN:
                waiting.append(node)
            elif node.name == "if":
                waiting.append(node)
                after = self._branches(waiting, after)
                waiting = []
            else:
                self._without_if(waiting)
                waiting = []
                after = self._command(node, after)
        self._without_if(waiting)
        return after

    def _without_if(self, branches: list[Node]) -> None:
        for branch in branches:
            self._wrong(branch, f'"{branch.name}" must follow the block of an "if"')

    def _branches(self, branches: list[Node], after: int) -> int:
        """An `if` with what belongs to it, given from the last branch to the first."""
        otherwise = after
        for place, branch in enumerate(branches):
            self._bind(branch, COMMANDS[branch.name])
            body = self._block(branch.block or [], after)
            if branch.name == "else":
                if place:
                    self._wrong(branch, '"else" ends an "if"; no other branch can follow it')
                otherwise = body
            elif branch.tests:
                otherwise = self._test(branch.tests[0], body, otherwise)
        return otherwise

    def _command(self, node: Node, after: int) -> int:
        word = COMMANDS.get(node.name)
        if word is None:
            return self._unknown(node, after)
        if node.name == "require":
            self._wrong(node, '"require" must stand before all other commands')
            return after
        bound = self._bind(node, word)
        if bound is None or self.binder.unknown:
            return self._refuse(node, *self.binder.unknown)
        if node.name == "extracttext" and not self.loops:
            self._wrong(node, '"extracttext" must stand within a "foreverypart"')
        if node.name in {"stop", "return"}:
            return self._add(node, bound, END)
        if node.name == "foreverypart":
            return self._loop(node, bound, after)
        if node.name == "break":
            return self._break(node, bound)
        return self._add(node, bound, after)

    def _unknown(self, node: Node, after: int) -> int:
        if "ihave" in self.enabled:  # RFC 5463 4: an error only if it comes to it
            return self._refuse(node, f'"{node.name[:60]}"')
        if node.name in TESTS:
            text = f'"{node.name}" is a test; it can stand behind if, elsif, not, allof or anyof'
        else:
            text = f'there is no command "{node.name[:60]}"'
        self._wrong(node, text)
        return after

    def _refuse(self, node: Node, *unknown: str) -> int:
        """A step that ends the script, in place of what is not known here (RFC 5463 4)."""
        reason = f"{unknown[0] if unknown else node.name}: this server does not know it"
        return self._add(Node("error", node.at), ([[reason]], {}), END)

    def _loop(self, node: Node, bound: Bound, after: int) -> int:
        place = self._add(node, bound, END, after)
        name = _constant(bound, "name")
        self.loops.append((name, after))
        body = self._block(node.block or [], place)
        self.loops.pop()
        step = self.steps[place]
        self.steps[place] = Step(step.name, step.line, body, after, step.arguments, step.tags)
        return place

    def _break(self, node: Node, bound: Bound) -> int:
        """Leave as many loops as it takes: their number is the argument of the step."""
        name = _constant(bound, "name")
        for levels, (loop, after) in enumerate(reversed(self.loops), 1):
            if not name or loop == name:
                return self._add(node, ([levels], {}), after)
        if name:
            self._wrong(node, f'no "foreverypart" around this break has the name {name[:60]!r}')
        else:
            self._wrong(node, '"break" must stand within a "foreverypart"')
        return END

    # -- tests ---------------------------------------------------------------------------

    def _test(self, node: Node, yes: int, no: int) -> int:
        """The first step of a test that goes on with `yes` or `no`."""
        word = TESTS.get(node.name)
        if word is None:
            if "ihave" in self.enabled:
                return self._refuse(node, f'"{node.name[:60]}"')
            kind = "is a command, not a test" if node.name in COMMANDS else "is no test"
            self._wrong(node, f'"{node.name[:60]}" {kind}')
            return yes
        bound = self._bind(node, word)
        if bound is None or self.binder.unknown:
            return self._refuse(node, *self.binder.unknown)
        if node.name == "true":
            return yes
        if node.name == "false":
            return no
        if node.name == "not":
            return self._test(node.tests[0], no, yes) if node.tests else yes
        if node.name == "allof":
            for test in reversed(node.tests):
                yes = self._test(test, yes, no)
            return yes
        if node.name == "anyof":
            for test in reversed(node.tests):
                no = self._test(test, yes, no)
            return no
        if node.name == "ihave":
            bound = (bound[0], {"known": int(self._have(node))})
        return self._add(node, bound, yes, no)

    def _bind(self, node: Node, word: Word) -> Bound | None:
        """The arguments of a node that may stand here; None if it may not."""
        if word.needs and self.enabled.isdisjoint(word.needs):
            self.binder.unknown = []
            self.binder.lacks(node.at, f'"{node.name}" needs: require "{word.needs[0]}";')
            return None
        if word.tests == "many":
            if not node.grouped:
                self._wrong(node, f'"{node.name}" takes tests in parentheses')
        elif word.tests == "one":
            if len(node.tests) != 1 or node.grouped:
                self._wrong(node, f'"{node.name}" takes one test')
        elif node.tests:
            self._wrong(node, f'"{node.name}" takes no test; a ";" may be missing before it')
        if word.block and node.block is None:
            self._wrong(node, f'"{node.name}" takes a block of commands in braces')
        elif node.block is not None and not word.block:
            self._wrong(node, f'"{node.name}" takes no block; end it with a ";"')
        return self.binder.bind(node, word)


def _all(nodes: list[Node]) -> Iterator[Node]:
    """All commands and tests, in no special order."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.tests
        waiting += node.block or []


def _constants(node: Node) -> list[str]:
    return [
        text
        for argument in node.arguments
        if isinstance(argument, Strings)
        for text in argument.texts
    ]


def _constant(bound: Bound, tag: str) -> str:
    value = bound[1].get(tag)
    text = value[0] if isinstance(value, list) else ""
    return text if isinstance(text, str) else ""
