"""Are the arguments of a command or test what `vocabulary` says they should be?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.sieve import checks, matching, strings, vocabulary
from merpati.wire.sieve.grammar import Node, Number, Strings, Tag
from merpati.wire.sieve.program import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.wire.sieve import grammar
    from merpati.wire.sieve.lexer import Source
    from merpati.wire.sieve.program import Text, Value
    from merpati.wire.sieve.vocabulary import Argument, Word

_PHRASES: Final = {
    "number": "a number",
    "string": "a string",
    "strings": "a string or a list of strings",
}
_SUBSTRINGS: Final = frozenset({"contains", "matches", "regex"})
MATCH_TYPES: Final = ("is", "contains", "matches", "count", "value", "regex", "list")
_ADDRESS_PARTS: Final = frozenset({"all", "localpart", "domain", "user", "detail"})
_BY_TIME: Final = ("bytimerelative", "bytimeabsolute")

Bound = tuple[list["Value"], dict[str, "Value"]]


class Binder:
    """Reads the arguments of all nodes of one script."""

    def __init__(self, source: Source, problems: list[Problem], enabled: set[str]) -> None:
        self.source = source
        self.problems = problems
        self.enabled = enabled
        # What of a command is not known here, where `ihave` makes that no mistake.
        self.unknown: list[str] = []

    def wrong(self, at: int, text: str) -> None:
        """Note a problem at this offset."""
        self.problems.append(Problem(*self.source.where(at), text))

    def lacks(self, at: int, text: str) -> None:
        """Note that an extension is missing: a problem, unless `ihave` can ask (RFC 5463 4)."""
        if "ihave" in self.enabled:
            self.unknown.append(text)
        else:
            self.wrong(at, text)

    def bind(self, node: Node, word: Word) -> Bound:
        """The positional arguments and the tags of a node; what is wrong is noted."""
        self.unknown = []
        tags, given = self._tags(node, word)
        if given is None:
            return [], tags
        arguments = self._positional(node, word.arguments, given, tags)
        self._together(node, tags)
        return arguments, tags

    def _tags(
        self, node: Node, word: Word
    ) -> tuple[dict[str, Value], list[grammar.Argument] | None]:
        """The tags with their values, and the arguments that are left; None: unknown tags."""
        known = {tag.name: tag for tag in word.tags}
        tags: dict[str, Value] = {}
        groups: dict[str, str] = {}
        rest: list[grammar.Argument] = []
        waiting = iter(node.arguments)
        for argument in waiting:
            if not isinstance(argument, Tag):
                rest.append(argument)
                continue
            tag = known.get(argument.name)
            if tag is None:
                self.lacks(argument.at, f'"{node.name}" knows no ":{argument.name}"')
                return tags, None
            if rest:
                self.wrong(argument.at, f'":{tag.name}" must stand before the other arguments')
            if tag.needs and tag.needs not in self.enabled:
                self.lacks(argument.at, f'":{tag.name}" needs: require "{tag.needs}";')
            other = groups.setdefault(tag.group, tag.name) if tag.group else tag.name
            if tag.name in tags or other != tag.name:
                self.wrong(
                    argument.at, f'":{tag.name}" cannot follow ":{other}"; only one is allowed'
                )
            tags[tag.name] = 1
            if tag.value:
                value = next(waiting, None)
                tags[tag.name] = self._value(
                    value, tag.value, tag.check, f'":{tag.name}"', argument.at, tags
                )
        for name in tags:
            after = known[name].after
            if after and after not in tags:
                self.wrong(node.at, f'":{name}" means nothing without ":{after}"')
        return tags, rest

    def _positional(
        self,
        node: Node,
        wanted: Sequence[Argument],
        given: list[grammar.Argument],
        tags: dict[str, Value],
    ) -> list[Value]:
        if len(given) != len(wanted):
            needed = [argument for argument in wanted if not argument.optional]
            if len(given) != len(needed):
                shown = ", ".join(
                    f"[{_PHRASES[one.type]}]" if one.optional else _PHRASES[one.type]
                    for one in wanted
                )
                count = f"{len(given)} given" if given else "none given"
                self.wrong(node.at, f'"{node.name}" takes {shown or "no arguments"} ({count})')
                return []
            wanted = needed
        elif any(argument.check == "variable" and argument.optional for argument in wanted):
            self._need("variables", node, "the name of a variable")
        return [
            self._value(value, argument.type, argument.check, f'"{node.name}"', node.at, tags)
            for argument, value in zip(wanted, given, strict=True)
        ]

    def _value(
        self,
        given: grammar.Argument | None,
        wanted: str,
        check: str,
        whose: str,
        at: int,
        tags: dict[str, Value],
    ) -> Value:
        if isinstance(given, Number) and wanted == "number":
            if check == "positive" and not given.value:
                self.wrong(given.at, f"the number of {whose} counts from 1")
            return given.value
        if isinstance(given, Strings) and (
            wanted == "strings" or (wanted == "string" and not given.listed)
        ):
            return [self._text(text, check, given.at, tags) for text in given.texts]
        self.wrong(given.at if given else at, f"{whose} should be followed by {_PHRASES[wanted]}")
        return 0 if wanted == "number" else [""]

    def _text(self, text: str, check: str, at: int, tags: dict[str, Value]) -> Text:
        try:
            if "encoded-character" in self.enabled:
                text = strings.decode(text)
            if "variables" in self.enabled:
                spaces = frozenset({"global"} if "include" in self.enabled else ())
                value = strings.template(text, spaces)
                if not isinstance(value, str):
                    if check in checks.CONSTANT:
                        self.wrong(at, f"{text[:40]!r} may hold no variable here")
                    return value
        except strings.Unreadable as fault:
            self.wrong(at, str(fault))
            return ""
        problem = self._complaint(text, check, at, tags)
        if problem:
            self.wrong(at, problem)
        return text

    def _complaint(self, text: str, check: str, at: int, tags: dict[str, Value]) -> str:
        """What is wrong with a constant string; empty: nothing."""
        if check == "key":
            if "regex" in tags:
                problem = matching.complaint(text)
                return f"this regular expression cannot be used: {problem}" if problem else ""
            if "matches" in tags and len(text) > matching.MAX_PATTERN:
                return f"this pattern is longer than {matching.MAX_PATTERN} characters"
            return ""
        if check == "recipient":
            return "" if "list" in tags else checks.CHECKS["address"](text)
        if check == "address-header" and "mime" in tags:  # RFC 5703 4.2 takes all fields as such
            return ""
        if check == "comparator":
            needed = f"comparator-{text.lower()}"
            if needed in vocabulary.EXTENSIONS - vocabulary.ALWAYS - self.enabled:
                self.lacks(at, f'the comparator needs: require "{needed}";')
                return ""
        problem = checks.CHECKS[check](text) if check in checks.CHECKS else ""
        if check == "envelope" and not problem:
            needed = checks.ENVELOPE_PARTS[text.lower()]
            if needed not in self.enabled:
                self.lacks(at, f'"{text}" needs: require "{needed}";')
            if needed != "envelope" and not _ADDRESS_PARTS.isdisjoint(tags):
                return f'"{text}" is no address, of which there were parts'
        if check in {"variable", "global"} and "." in text and "include" not in self.enabled:
            return f'"{text[:60]}" needs: require "include";'
        return problem

    def _together(self, node: Node, tags: dict[str, Value]) -> None:
        """What holds between several arguments, or between extensions."""
        comparator = tags.get("comparator")
        if comparator == ["i;ascii-numeric"] and not _SUBSTRINGS.isdisjoint(tags):
            self.wrong(node.at, '"i;ascii-numeric" compares whole numbers; use :is or :value')
        if comparator is not None and "list" in tags and node.name != "redirect":
            self.wrong(node.at, '":list" takes no ":comparator"; each list compares as it does')
        if node.name == "size" and "over" not in tags and "under" not in tags:
            self.wrong(node.at, '"size" needs :over or :under before the number')
        elif node.name in {"global", "extracttext"}:
            self._need("variables", node, f'"{node.name}"')
        elif node.name == "redirect" and not {"bymode", "bytrace"}.isdisjoint(tags):
            if not any(name in tags for name in _BY_TIME):
                self.wrong(node.at, '":bymode" and ":bytrace" mean nothing without a time')
        elif node.name == "hasflag" and "list" in tags:
            self.wrong(node.at, '"hasflag" cannot look flags up in lists')
        elif node.name == "replace" and "mime" in tags and {"subject", "from"} & tags.keys():
            self.wrong(node.at, '":subject" and ":from" mean nothing beside ":mime"')

    def _need(self, extension: str, node: Node, what: str) -> None:
        if extension not in self.enabled:
            self.lacks(node.at, f'{what} needs: require "{extension}";')
