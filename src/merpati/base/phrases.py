"""What the program says, in another language: English sentences are the keys.

Code writes English and nothing else, as f-strings where they are needed. A dictionary beside it
has the sentence with its fields in braces, and the same in the other language:

    "{domain} has no MX record.": "{domain} tidak punya catatan MX.",

`Phrases.say` is called where a sentence meets its reader. It finds the entry, takes the fields
out of the finished sentence, and puts them into the other one. So a sentence that was stored,
that came as the text of a `Fault`, or that a library made is told like any other, and what has
no entry stays English, which is no error.

A field is one word, such as a name or a number, or stands between quotes. Others are marked in
the other sentence: `{size:text}` is several words, `{names:list}` is "a, b and c" or "a or b", and
`{reason:said}` is a sentence itself and is looked up in turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

ENGLISH: Final = "en"
INDONESIAN: Final = "id"
LANGUAGES: Final = (ENGLISH, INDONESIAN)  # the first is the default
LENGTH_MAX: Final = 4000  # characters; a longer text is no sentence, and stays as it is

_FIELD: Final = re.compile(r"\{(\w+)\}")
_SLOT: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")  # a field of the other sentence, and its mark
_PARTS: Final = re.compile(r"(, | and | or )")  # between the things of a list
_BETWEEN: Final = {", ": ", ", " and ": " dan ", " or ": " atau "}
_MORE: Final = re.compile(r"(\d+) more")
_SENTENCE: Final = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
_WORD: Final = r"\S*?"
_VARIABLES: Final = ("MERPATI_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def of_environment(environment: Mapping[str, str]) -> str:
    """The language of somebody at a terminal: the first of four variables that is set decides."""
    chosen = next((value for name in _VARIABLES if (value := environment.get(name))), "")
    word = re.split(r"[_.@-]", chosen.lower(), maxsplit=1)[0]
    return word if word in LANGUAGES else ENGLISH


class Phrases:
    """A dictionary of sentences: English with fields in braces, and the same in Indonesian."""

    def __init__(self, *entries: Mapping[str, str]) -> None:
        self._entries = {english: other for one in entries for english, other in one.items()}

    @cached_property
    def _patterns(self) -> list[_Entry]:
        """The entries with fields, the one that is right first, where several fit.

        That is the one that begins with most words of its own, for a sentence may end with
        another one in a field; then the one with the most words in all. They are made when
        they are first needed: most who run a command read English.
        """
        found = [_Entry(*pair) for pair in self._entries.items() if _FIELD.search(pair[0])]
        return sorted(found, key=lambda one: (-one.lead, -one.words))

    def say(self, text: str, language: str) -> str:
        """A sentence in a language; as it is when that is English, or there is no entry."""
        if language != INDONESIAN:
            return text
        found = self._find(text)
        return text if found is None else found

    def knows(self, text: str) -> bool:
        """Whether there is an entry for it, and for each sentence of several words within it."""
        if text in self._entries:
            return True
        found = self._match(text)
        if found is None:
            return False
        said = [found[1][name] for name, mark in _SLOT.findall(found[0].other) if mark == "said"]
        return all(self.knows(inner) for inner in said if _SENTENCE.search(inner))

    def _find(self, text: str) -> str | None:
        plain = self._entries.get(text)
        if plain is not None or len(text) > LENGTH_MAX:
            return plain
        found = self._match(text)
        return None if found is None else self._filled(found[0].other, found[1])

    def _match(self, text: str) -> tuple[_Entry, re.Match[str]] | None:
        for one in self._patterns:
            if one.sign in text and (match := one.pattern.fullmatch(text)):
                return one, match
        return None

    def _filled(self, other: str, match: re.Match[str]) -> str:
        def field(slot: re.Match[str]) -> str:
            value: str = match[slot[1]]
            if slot[2] == "said":
                return self.say(value, INDONESIAN)
            if slot[2] == "list":
                return "".join(map(self._listed, _PARTS.split(value)))
            return value

        return _SLOT.sub(field, other)

    def _listed(self, part: str) -> str:
        """One thing of a list, or what stands between two."""
        if part in _BETWEEN:
            return _BETWEEN[part]
        return _MORE.sub(r"\1 lagi", part) if _MORE.fullmatch(part) else self.say(part, INDONESIAN)


class _Entry:
    """A sentence with fields.

    Attributes:
        lead: Characters before its first field.
        words: Characters of its own in all.
        sign: Their longest run: a text without it is not this sentence.
        other: The sentence in the other language.
    """

    def __init__(self, english: str, other: str) -> None:
        self._parts = _FIELD.split(english)  # words and names of fields take turns
        words = self._parts[::2]
        self.lead = len(words[0])
        self.words = sum(map(len, words))
        self.sign = max(words, key=len)
        self.other = other

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds the fields; most entries are never asked for theirs."""
        parts = self._parts
        marks = dict(_SLOT.findall(self.other))
        pieces = [re.escape(parts[0])]
        for n in range(1, len(parts), 2):
            name, before, after = parts[n], parts[n - 1], parts[n + 1]
            if name in parts[1:n:2]:  # one that stands twice holds the same twice
                pieces.append(f"(?P={name})")
            elif before.endswith('"') and after.startswith('"'):
                pieces.append(f'(?P<{name}>[^"]*)')
            else:
                pieces.append(f"(?P<{name}>{'.*?' if marks.get(name) else _WORD})")
            pieces.append(re.escape(after))
        return re.compile("".join(pieces), re.DOTALL)
