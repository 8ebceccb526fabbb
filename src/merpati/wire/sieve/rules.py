"""Rules that a program writes and people may edit by hand, or the other way round.

A rule is one `if` with its branches, under a comment that names it:

    # rule: Invoices
    # id: 7
    if header :contains "subject" "invoice" {
        fileinto "Invoices";
        stop;
    }

Further comments of the form `# key: value` belong to it. A rule that is switched off is
written as comments, each line behind `#|`. Whatever else a script holds is kept where it
stands, so that nothing is lost whoever edits it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.sieve import checks, grammar, vocabulary, writer
from merpati.wire.sieve.grammar import Node, Strings, Tag

MAX_NAME: Final = 200  # characters

_HEADER: Final = re.compile(r"#[ \t]*rule:[ \t]*(.*)", re.IGNORECASE)
_BRACKETS: Final = re.compile(r"\[(.*)\]")  # as some webmail programs write the name
_KEY: Final = re.compile(r"#[ \t]*([a-z][a-z0-9-]{0,30}):[ \t]*(.*)")
_OFF: Final = "#|"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
_BRANCHES: Final = frozenset({"elsif", "else"})


class Rule(msgspec.Struct):
    """A rule.

    Attributes:
        name: as its comment gives it.
        branches: an `if` and what follows of it, or any one command.
        keys: further things that its comments say.
        enabled: False when it is switched off.
        comments: other comments before it, marks included.
    """

    name: str
    branches: list[Node]
    keys: dict[str, str] = {}
    enabled: bool = True
    comments: list[str] = []


class Other(msgspec.Struct):
    """What is no rule: one command, or an `if` with its branches; comments included."""

    nodes: list[Node]


class Sheet(msgspec.Struct):
    """A script as rules and what stands between them.

    Attributes:
        blocks: in order.
        requires: extensions the script asks for; writing adds those its commands need.
        preamble: comments before the first command.
        closing: comments after the last one.
    """

    blocks: list[Rule | Other]
    requires: list[str] = []
    preamble: list[str] = []
    closing: list[str] = []


def parse_rules(script: bytes) -> Sheet:
    """The rules of a script, and all else it holds.

    Raises:
        SieveFault: it does not follow the grammar.
    """
    tree = grammar.read(script)
    sheet = Sheet([], [], [], [])
    commands = tree.commands
    at = 0
    while at < len(commands) and commands[at].name == "require":
        node = commands[at]
        sheet.preamble += [*node.comments, *([node.trailing] if node.trailing else [])]
        for argument in node.arguments:
            if isinstance(argument, Strings):
                sheet.requires += argument.texts
        at += 1
    while at < len(commands):
        end = at + 1
        while end < len(commands) and commands[end].name in _BRANCHES:
            end += 1
        _block(sheet, commands[at:end])
        at = end
    sheet.closing = _switched_off(sheet, tree.closing, command=False)[0]
    return sheet


def write_rules(sheet: Sheet) -> bytes:
    """The script of some rules; what its commands require is added."""
    required = set(sheet.requires)
    for block in sheet.blocks:
        if isinstance(block, Other) or block.enabled:
            required |= requirements(block.branches if isinstance(block, Rule) else block.nodes)
    lines = list(sheet.preamble)
    if required:
        require = Node("require", arguments=[Strings(sorted(required), listed=True)])
        lines += writer.nodes([require], 0)
    for block in sheet.blocks:
        if lines:
            lines.append("")
        lines += _rule_lines(block) if isinstance(block, Rule) else writer.nodes(block.nodes, 0)
    if sheet.closing and lines:
        lines.append("")
    lines += sheet.closing
    return "".join(line + writer.NEWLINE for line in lines).encode()


def requirements(commands: list[Node]) -> set[str]:
    """The extensions that some commands need, as far as they can be seen from outside."""
    needed: set[str] = set()
    waiting = list(commands)
    while waiting:
        node = waiting.pop()
        waiting += [*node.tests, *(node.block or [])]
        word = vocabulary.COMMANDS.get(node.name) or vocabulary.TESTS.get(node.name)
        if word is None:
            continue
        needed.update(word.needs[:1])
        of_tags = {tag.name: tag.needs for tag in word.tags}
        arguments = iter(node.arguments)
        for argument in arguments:
            if isinstance(argument, Tag):
                needed.add(of_tags.get(argument.name, ""))
                if argument.name == "comparator":
                    needed |= _comparator(next(arguments, None))
            elif node.name == "envelope" and isinstance(argument, Strings):
                needed |= {checks.ENVELOPE_PARTS.get(one.lower(), "") for one in argument.texts}
    return needed - {""}


def _comparator(argument: grammar.Argument | None) -> set[str]:
    if not isinstance(argument, Strings):
        return set()
    names = {f"comparator-{text.lower()}" for text in argument.texts}
    return (names & vocabulary.EXTENSIONS) - vocabulary.ALWAYS


def _block(sheet: Sheet, nodes: list[Node]) -> None:
    """Add one command, or an `if` with its branches, as a rule or as something else."""
    first = nodes[0]
    comments, header = _switched_off(sheet, first.comments, command=True)
    if header is None:
        first.comments = comments
        sheet.blocks.append(Other(nodes))
        return
    name, keys, within = header
    first.comments = within
    first.blank = False
    sheet.blocks.append(Rule(name, nodes, keys, comments=comments))


_Header = tuple[str, dict[str, str], list[str]]


def _switched_off(
    sheet: Sheet, comments: list[str], *, command: bool
) -> tuple[list[str], _Header | None]:
    """Add the rules that are written as comments.

    Returns the comments that are left before the command, and the name, the keys and the
    comments within of the rule that the command is, if it is one and there is a `command`.
    """
    before: list[str] = []
    at = 0
    while at < len(comments):
        found = _HEADER.fullmatch(comments[at])
        if found is None:
            before.append(comments[at])
            at += 1
            continue
        begin = at
        keys: dict[str, str] = {}
        at += 1
        while at < len(comments) and not _HEADER.fullmatch(comments[at]):
            pair = _KEY.fullmatch(comments[at])
            if pair is None:
                break
            keys[pair[1]] = pair[2].strip()
            at += 1
        end = at
        while end < len(comments) and comments[end].startswith(_OFF):
            end += 1
        name = _name(found[1])
        if end > at:
            branches = _hidden(comments[at:end])
            at = end
            if branches is None:  # somebody has written something else there
                before += comments[begin:end]
                continue
            sheet.blocks.append(Rule(name, branches, keys, enabled=False, comments=before))
            before = []
        elif command and not any(_HEADER.fullmatch(comment) for comment in comments[at:]):
            return before, (name, keys, comments[at:])
        else:
            before += comments[begin:at]
    return before, None


def _name(text: str) -> str:
    bracketed = _BRACKETS.fullmatch(text.strip())
    return (bracketed[1] if bracketed else text).strip()


def _hidden(comments: list[str]) -> list[Node] | None:
    """The commands that are written as comments."""
    lines = [comment.removeprefix(_OFF).removeprefix(" ") for comment in comments]
    try:
        return grammar.read("\r\n".join([*lines, ""]).encode()).commands or None
    except SyntaxFault:
        return None


def _rule_lines(rule: Rule) -> list[str]:
    lines = [*rule.comments, f"# rule: {_line(rule.name)[:MAX_NAME]}"]
    lines += [f"# {key}: {_line(value)}" for key, value in rule.keys.items()]
    text = list(writer.nodes(rule.branches, 0))
    if rule.enabled:
        return lines + text
    hidden = writer.NEWLINE.join(text).split(writer.NEWLINE)
    return lines + [f"{_OFF} {line}" for line in hidden]


def _line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()
