"""Looking up parts of words, their other forms and words like them in a vocabulary.

A vocabulary is texts in which every word stands between two line ends, so that a part of a
word is found by `str.find`: 3 MB, the words of some 100,000 messages, take about a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.wire.text.stems import LEAST, core, stems

FORM: Final = 0.8  # what another form of the word counts for
PREFIX: Final = 0.6  # and a word that only begins like it
NEAR: Final = 0.5  # and one that is spelled nearly like it
NEAR_LEAST: Final = 5  # letters: shorter words have too many neighbours
CANDIDATES_MAX: Final = 20_000  # words looked at for likeness


class Vocabulary:
    """The words of an account, in blocks; a word may stand in several."""

    def __init__(self, blocks: Sequence[str]) -> None:
        self._blocks = blocks

    def holding(
        self, part: str, most: int, *, starts: bool = False, ends: bool = False
    ) -> list[str]:
        """At most so many words that hold a part: anywhere, or where they start, or end."""
        if starts and ends:
            return [part]  # the index knows whether there is such a word
        wanted = f"{chr(10) if starts else ''}{part}{chr(10) if ends else ''}"
        found: dict[str, None] = {}
        for block in self._blocks:
            at = block.find(wanted)
            while at >= 0 and len(found) < most:
                start = at + 1 if starts else block.rfind("\n", 0, at + 1) + 1
                end = block.index("\n", at + len(wanted) - 1 if ends else at + 1)
                found[block[start:end]] = None
                at = block.find(wanted, end)
        return list(found)


def alike(word: str, words: Vocabulary, most: int) -> list[tuple[list[str], float]]:
    """Words that mean this one, at most so many of each kind, and what each kind counts for."""
    kinds = [([word], 1.0)]
    own = stems(word)
    forms = {
        one
        for stem in sorted([one for one in own if len(one) >= LEAST], key=len)[:3]
        for one in words.holding(core(stem), CANDIDATES_MAX)
        if own & stems(one)
    } - {word}
    kinds.append((sorted(forms, key=len)[:most], FORM))
    begun = set(words.holding(word, most, starts=True)) - forms - {word}
    kinds.append((sorted(begun), PREFIX))
    if len(word) >= NEAR_LEAST:
        half = len(word) // 2
        near = {
            one
            for one in (
                *words.holding(word[:half], CANDIDATES_MAX, starts=True),
                *words.holding(word[half:], CANDIDATES_MAX, ends=True),
            )
            if abs(len(one) - len(word)) <= 1 and is_near(word, one)
        }
        kinds.append((sorted(near - forms - begun - {word})[:most], NEAR))
    return [(some, weight) for some, weight in kinds if some]


def is_near(one: str, other: str) -> bool:
    """Whether one letter more, less, or other, or two swapped, make one of the other."""
    if len(one) > len(other):
        one, other = other, one
    at = 0
    while at < len(one) and one[at] == other[at]:
        at += 1
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    return one[at + 1 :] == other[at + 1 :] or (
        one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    )
