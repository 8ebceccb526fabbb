"""Comparators and match types: does a value match a key (RFC 5228 2.7)?

Theory. `:matches` never backtracks. The pattern is cut at its asterisks; the first piece
must stand at the start, the last at the end, and each piece between is looked for from where
the one before ended, leftmost first. That finds a match if there is one, with every asterisk
as short as possible (RFC 5229 3.2), in one pass. `:regex` is RE2, which never backtracks
either. All work is counted before it is done, so no pattern and no message can hold up the
server.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import re2  # type: ignore[import-untyped]  # it has no stubs

from merpati.wire.mime import casemap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from merpati.wire.sieve.budget import Budget

MAX_PATTERN: Final = 8_000
"""Characters of a pattern for `:matches` or `:regex`; longer ones match nothing."""

MAX_CAPTURES: Final = 99  # as many as there are match variables
_MEMORY: Final = 1 << 20  # bytes RE2 may take for one pattern
_CACHED: Final = 256  # compiled patterns that are remembered

_OF_OCTETS: Final = frozenset({"i;octet", "i;ascii-casemap"})  # to them a character is an octet

_PIECE: Final = re.compile(r"\\(.)|([*?])|([^\\*?]+)|\\", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]+")
_QUOTE_WILDCARD: Final = re.compile(r"[*?\\]")
_QUOTE_REGEX: Final = re.compile(r"[][\\.*+?(){}|^$]")

RELATIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}


class How(msgspec.Struct, frozen=True):
    """How values are compared with keys.

    Attributes:
        kind: is, contains, matches, regex, value, count or list.
        comparator: such as "i;octet".
        relation: of `value` and `count`.
    """

    kind: str = "is"
    comparator: str = "i;ascii-casemap"
    relation: str = ""


class Match(NamedTuple):
    """A value and the key it matched; `groups` are the match variables, from ${0} on."""

    value: str
    key: str
    groups: tuple[str, ...] = ()


def find(values: Sequence[str], keys: Sequence[str], how: How, budget: Budget) -> Match | None:
    """The first value that matches a key, or None.

    `groups` are set for `matches` and `regex` alone. `count` and `list` are not decided
    here: they are about all values at once.

    Raises:
        Stopped: the budget is used up.
    """
    budget.spend(len(values) + len(keys) + sum(map(len, values)) // 500)
    if how.kind == "is":
        return _equal(values, keys, how.comparator)
    if how.kind == "contains":
        return _containing(values, keys, how.comparator, budget)
    if how.kind == "value":
        return _related(values, keys, how, budget)
    for value in values:
        for key in keys:
            if how.kind == "regex":
                groups = _search(value, key, how.comparator, budget)
            else:
                groups = glob(value, key, how.comparator, budget)
            if groups is not None:
                return Match(value, key, groups)
    return None


def count(number: int, keys: Sequence[str], how: How) -> str | None:
    """The first key to which so many values stand in the relation, or None (RFC 5231 4.2)."""
    compare = RELATIONS[how.relation]
    fold = order(how.comparator)
    # A count is a number, whatever the comparator; text is compared as text if asked for.
    for key in keys:
        if compare(fold(str(number)), fold(key)):
            return key
    return None


def order(comparator: str) -> Callable[[str], Any]:
    """What makes of a string the value by which a comparator orders it."""
    return _ORDER[comparator]


def _casemap(text: str) -> str:
    # To upper case, so that "_" stands behind all letters (RFC 4790 9.2.1). `bytes.upper`
    # changes a to z and nothing else.
    if text.isascii():
        return text.upper()
    return text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


def _numeric(text: str) -> tuple[int, str]:
    """RFC 4790 9.1: the digits at the start; what begins with none is infinite."""
    digits = _DIGITS.match(text)
    if digits is None:
        return (1 << 62, "")
    shown = digits[0].lstrip("0")
    return (len(shown), shown)


_ORDER: Final[dict[str, Callable[[str], Any]]] = {
    "i;octet": str,
    "i;ascii-casemap": _casemap,
    "i;ascii-numeric": _numeric,
    "i;unicode-casemap": casemap.fold,
}


def _equal(values: Sequence[str], keys: Sequence[str], comparator: str) -> Match | None:
    fold = order(comparator)
    folded = {fold(key): key for key in reversed(keys)}
    for value in values:
        key = folded.get(fold(value))
        if key is not None:
            return Match(value, key)
    return None


def _containing(
    values: Sequence[str], keys: Sequence[str], comparator: str, budget: Budget
) -> Match | None:
    fold = order(comparator)
    folded = [fold(key) for key in keys]
    for value in values:
        text = fold(value)
        budget.spend(len(keys) * (1 + len(text) // 1_000))
        for key, needle in zip(keys, folded, strict=True):
            if needle in text:
                return Match(value, key)
    return None


def _related(values: Sequence[str], keys: Sequence[str], how: How, budget: Budget) -> Match | None:
    compare = RELATIONS[how.relation]
    fold = order(how.comparator)
    folded = [fold(key) for key in keys]
    for value in values:
        budget.spend(len(keys))
        text = fold(value)
        for key, other in zip(keys, folded, strict=True):
            if compare(text, other):
                return Match(value, key)
    return None


# -- :matches ---------------------------------------------------------------------------------


class _Segment(NamedTuple):
    """What stands between two asterisks: a plain string, or one of fixed length with "?"."""

    text: str
    pattern: re.Pattern[str] | None
    length: int
    questions: tuple[int, ...]  # where in it the "?" stand


@lru_cache(maxsize=_CACHED)
def _segments(pattern: str, comparator: str) -> tuple[_Segment, ...]:
    fold = order(comparator)
    segments: list[_Segment] = []
    pieces: list[str] = []  # "" is a question mark
    for found in _PIECE.finditer(pattern):
        quoted, wild, plain = found.groups()
        if wild == "*":
            segments.append(_segment(pieces))
            pieces = []
        elif wild:
            pieces.append("")
        else:
            pieces.append(fold(quoted or plain or "\\"))
    segments.append(_segment(pieces))
    return tuple(segments)


def _segment(pieces: list[str]) -> _Segment:
    length = sum(len(piece) or 1 for piece in pieces)
    if all(pieces):
        return _Segment("".join(pieces), None, length, ())
    pattern = "".join(re.escape(piece) if piece else "." for piece in pieces)
    questions = []
    at = 0
    for piece in pieces:
        if not piece:
            questions.append(at)
        at += len(piece) or 1
    return _Segment("", re.compile(pattern, re.DOTALL), length, tuple(questions))


def glob(value: str, pattern: str, comparator: str, budget: Budget) -> tuple[str, ...] | None:
    """The match variables if a value matches a pattern with "*" and "?", else None.

    Raises:
        Stopped: the budget is used up.
    """
    if len(pattern) > MAX_PATTERN:
        return None
    if "?" in pattern and comparator in _OF_OCTETS and not value.isascii():
        found = _glob(_octets(value), _octets(pattern), comparator, budget)
        return found and (value, *map(_characters, found[1:]))
    return _glob(value, pattern, comparator, budget)


def _glob(value: str, pattern: str, comparator: str, budget: Budget) -> tuple[str, ...] | None:
    segments = _segments(pattern, comparator)
    folded = order(comparator)(value)
    widest = max(segment.length if segment.pattern else 1 for segment in segments)
    budget.spend(len(segments) + len(folded) * widest // 500)
    places = _places(folded, segments)
    if places is None:
        return None
    # Folding keeps the length but for some letters outside of ASCII under unicode-casemap.
    source = value if len(value) == len(folded) else folded
    return (value, *_captured(source, segments, places))


def _octets(text: str) -> str:
    """Its octets in UTF-8, each as a character: what "?" stands for (RFC 5228 2.7.1)."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _characters(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "replace")


def _places(text: str, segments: tuple[_Segment, ...]) -> list[int] | None:
    """Where each segment stands, or None where they do not fit."""
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return [0] if len(text) == first.length and _stands(text, first, 0) else None
    end = len(text) - last.length
    if end < first.length or not _stands(text, first, 0) or not _stands(text, last, end):
        return None
    places = [0]
    at = first.length
    for segment in segments[1:-1]:
        if segment.pattern is None:
            at = text.find(segment.text, at, end)
        else:
            found = segment.pattern.search(text, at, end)
            at = found.start() if found else -1
        if at < 0:
            return None
        places.append(at)
        at += segment.length
    places.append(end)
    return places


def _stands(text: str, segment: _Segment, at: int) -> bool:
    if segment.pattern is None:
        return text.startswith(segment.text, at)
    return segment.pattern.match(text, at) is not None


def _captured(text: str, segments: tuple[_Segment, ...], places: list[int]) -> list[str]:
    """What each wildcard stands for, in order."""
    captured: list[str] = []
    before = -1  # where the segment before ended
    for segment, place in zip(segments, places, strict=True):
        if before >= 0:
            captured.append(text[before:place])
        captured += [text[place + at] for at in segment.questions]
        before = place + segment.length
        if len(captured) > MAX_CAPTURES:
            break
    return captured[:MAX_CAPTURES]


def quote_wildcards(text: str) -> str:
    """A pattern that matches this text and nothing else (RFC 5229 4.1.2)."""
    return _QUOTE_WILDCARD.sub(r"\\\g<0>", text)


# -- :regex -----------------------------------------------------------------------------------


def _options(comparator: str) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.case_sensitive = comparator == "i;octet"
    options.longest_match = True  # as POSIX.2 has it
    options.dot_nl = True
    return options


@lru_cache(maxsize=_CACHED)
def _expression(pattern: str, comparator: str) -> Any:
    """The compiled expression, or a string that says why there is none."""
    if len(pattern) > MAX_PATTERN:
        return f"the regular expression is longer than {MAX_PATTERN} characters"
    try:
        return re2.compile(pattern, _options(comparator))
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def complaint(pattern: str) -> str:
    """Why a regular expression cannot be used; empty: it can."""
    found = _expression(pattern, "i;ascii-casemap")
    return found if isinstance(found, str) else ""


def _search(value: str, pattern: str, comparator: str, budget: Budget) -> tuple[str, ...] | None:
    expression = _expression(pattern, comparator)
    if isinstance(expression, str):
        return None
    budget.spend(20 + len(value) * expression.programsize // 100)
    found = expression.search(value)
    if found is None:
        return None
    return (found.group(0), *(group or "" for group in found.groups()[:MAX_CAPTURES]))


def quote_regex(text: str) -> str:
    """A regular expression that matches this text and nothing else."""
    return _QUOTE_REGEX.sub(r"\\\g<0>", text)
