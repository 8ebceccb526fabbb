"""Light stemming, English and Indonesian: what forms of a word have in common.

It is used on what is looked for and on the vocabulary, never on what is indexed; so it may be
improved without building an index anew. Both languages are tried on every word, since nobody
says which one a message is in.

English: endings of plurals, of verbs, and of some nouns. Indonesian: the particles -lah -kah
-pun, the possessives -ku -mu -nya, the suffixes -kan -an -i, and the prefixes di- ke- se- ter-
ber- per-, meN- and peN- with the consonants they swallow (menulis: tulis; mengirim: kirim).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LEAST: Final = 3  # letters of a stem
_WORD = re.compile(r"[a-z]{4,40}")
_ENGLISH: Final = (
    ("ies", "y"), ("sses", "ss"), ("ings", ""), ("ing", ""), ("edly", ""), ("ied", "y"), ("ed", ""),
    ("ers", ""), ("er", ""), ("ly", ""), ("es", ""), ("s", ""),
)  # fmt: skip
_PARTICLES: Final = ("lah", "kah", "pun")
_POSSESSIVES: Final = ("nya", "ku", "mu")
_SUFFIXES: Final = ("kan", "an", "i")
# Prefix, and what the word began with before it.
_PREFIXES: Final = (
    ("memper", ("",)), ("diper", ("",)), ("keber", ("",)), ("pember", ("",)),
    ("meng", ("", "k")), ("peng", ("", "k")), ("meny", ("s",)), ("peny", ("s",)),
    ("mem", ("", "p")), ("pem", ("", "p")), ("men", ("", "t")), ("pen", ("", "t")),
    ("ber", ("",)), ("ter", ("",)), ("per", ("",)),
    ("me", ("",)), ("pe", ("",)), ("di", ("",)), ("ke", ("",)), ("se", ("",)),
)  # fmt: skip


@lru_cache(maxsize=4096)
def stems(word: str) -> frozenset[str]:
    """What the word may be a form of, itself included; words alike have one of them in common."""
    if not _WORD.fullmatch(word):
        return frozenset({word})
    return frozenset({word, *_english(word), *_indonesian(word)})


def core(stem: str) -> str:
    """What every form of a stem contains: its first letter may be swallowed, its last changed."""
    return stem[1:-1] if len(stem) > LEAST + 1 else stem[1:]


def _english(word: str) -> set[str]:
    for ending, instead in _ENGLISH:
        if word.endswith(ending) and len(word) - len(ending) >= LEAST:
            if ending == "s" and word[-2] in "su":
                return set()
            stem = word[: -len(ending)] + instead
            if stem[-1] == stem[-2] and stem[-1] not in "ls":  # stopped: stop
                return {stem[:-1]}
            return {stem, stem.rstrip("e")}
    return {word.rstrip("e")} if word.endswith("e") else set()


def _indonesian(word: str) -> set[str]:
    found = {word}
    for endings in (_PARTICLES, _POSSESSIVES, _SUFFIXES):
        for one in tuple(found):
            for ending in endings:
                if one.endswith(ending) and len(one) - len(ending) > LEAST:
                    found.add(one[: -len(ending)])
                    break
    for one in tuple(found):
        for prefix, first in _PREFIXES:
            if one.startswith(prefix) and len(one) - len(prefix) >= LEAST:
                found |= {letter + one[len(prefix) :] for letter in first}
                break
    return {one for one in found if len(one) > LEAST}
