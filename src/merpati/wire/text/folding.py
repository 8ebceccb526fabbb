"""The form in which texts are compared, and the words they are made of.

`fold` takes away what people do not mean when they search: case, accents, the width of
letters, ligatures, invisible characters, and how much white space there is. Whoever compares
texts folds both sides with it, so that an index and a reader of the message itself always
agree.

Words are runs of letters and digits. Chinese, Japanese, Thai and their like write no space
between words, so a run of them becomes its overlapping pairs of characters, and its last
character: every string of two or more is then a sequence of pairs, and every single
character begins a pair or stands for itself.

Words of more than `WORD_MAX` characters (data, mostly) are cut into pieces that overlap by half,
so that any part of up to `PART_MAX` characters stands whole in one of the pieces.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

WORD_MAX: Final = 500  # characters of a word; PostgreSQL takes 2,046 bytes
PART_MAX: Final = WORD_MAX // 2  # a part of a word up to this long is found wherever it stands

# Marks over and under letters that a search shall pass over: Latin, Greek and Cyrillic
# accents, Hebrew points, Arabic vowels. Those of other scripts spell the word.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u0640\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]+"
)
# What is not seen: soft hyphens, joiners, marks of direction.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e"
                     "\u2060-\u2064\u2066-\u206f\ufeff\ufffc]+")  # fmt: skip
# Scripts without spaces between words: Thai and Lao, Burmese, Khmer, the CJK ideographs and
# kana. Korean has spaces.
_UNSPACED: Final = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1780-\u17d3\u2e80-\u2fd5\u3005-\u3007"
    "\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f"
    "\uf900-\ufad9\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
# Neither letter, digit, nor a mark that spells: what `\w` leaves out of Indic words, it
# leaves out for being no letter.
_GAP = re.compile(
    r"(?:[^\w\u0900-\u0dff\u0e31-\u0e4e\u0eb1-\u0ecd\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3]|_)+"
)
_RUN = re.compile(f"[{_UNSPACED}]+|[^ {_UNSPACED}]+")
_LONG = re.compile(f"[^ ]{{{WORD_MAX + 1},}}")
# Letters and digits of ASCII in lower case, all else of it as spaces; other bytes stay.
_ASCII: Final = bytes(
    n if n > 127 else ord(chr(n).lower()) if chr(n).isalnum() else ord(" ") for n in range(256)
)
_OFTEN: Final = 3  # accented letters, quotation marks, dashes come again and again


class Run(msgspec.Struct, frozen=True):
    """Letters and digits of one kind of script that stand together in a text that is looked for.

    `starts`, `ends`: the word in the message must start or end here too, for something else
    stands beside it in what is looked for.
    """

    text: str
    unspaced: bool
    starts: bool
    ends: bool


def fold(text: str) -> str:
    """The text in the form for comparing; what was folded once stays as it is."""
    return " ".join(text.encode("ascii", _FOLDED).lower().decode().split())


def spaced(text: str) -> str:
    """The words of a text, folded or not, with spaces between them, as they are indexed."""
    line = text.encode("ascii", _SPACED).translate(_ASCII).decode()
    return _LONG.sub(_pieces, line) if _has_long(line) else line


def _folded(text: str) -> str:
    """A text folded, but for white space."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text)).casefold()
    # "I" is the capital of both (RFC 5051 2); without its dot, "i" is a letter without its accent.
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text)).replace("\u0131", "i")
    return unicodedata.normalize("NFC", text).lower()


def _spaced(text: str) -> str:
    """The words of a text, folded, with spaces between them."""
    return _UNSPACED_RUN.sub(_pairs, _GAP.sub(" ", _folded(text)))


def _others(name: str, form: Callable[[str], str]) -> str:
    """The name of what the codec of ASCII calls for all else, to have the form of it as UTF-8.

    Neither form depends on ASCII that stands beside what is folded. The codec finds the rest ten
    times as fast as an expression does, so that a text with a few accents or quotation marks
    costs little more than one without.
    """

    def formed(text: str) -> bytes:
        return form(text).encode(errors="replace")

    seen_often = lru_cache(4_096)(formed)

    def handle(fault: UnicodeError) -> tuple[bytes, int]:
        assert isinstance(fault, UnicodeEncodeError)
        text, start, end = fault.object, fault.start, fault.end
        if end - start <= _OFTEN:
            return seen_often(text[start:end]), end
        end = text.find("\n", end)  # of such a script there is more in the line
        end = end if end > 0 else len(text)
        return formed(text[start:end]), end

    codecs.register_error(name, handle)
    return name


_FOLDED: Final = _others("merpati.folded", _folded)
_SPACED: Final = _others("merpati.spaced", _spaced)


def _has_long(line: str) -> bool:
    """Whether there is a word longer than `WORD_MAX`, seen by looking at few characters."""
    at = 0
    while len(line) - at > WORD_MAX:
        space = line.rfind(" ", at, at + WORD_MAX + 1)
        if space < 0:
            return True
        at = space + 1
    return False


def words(text: str) -> list[str]:
    """The words of a text in order, as they are indexed."""
    return spaced(text).split()


def runs(folded: str) -> list[Run]:
    """What a folded text that is looked for consists of."""
    line = _GAP.sub(" ", folded)
    found = list(_RUN.finditer(line))
    return [
        Run(run[0], _is_unspaced(run[0]), run.start() > 0, run.end() < len(line)) for run in found
    ]


def pairs(run: str) -> list[str]:
    """The words that a run of a script without spaces is indexed as, without the last one."""
    return [a + b for a, b in pairwise(run)]


def without_unspaced(found: set[str]) -> set[str]:
    """Those words that are of scripts with spaces."""
    return {word for word in found if word.isascii() or not _is_unspaced(word)}


def _is_unspaced(word: str) -> bool:
    return _UNSPACED_RUN.match(word) is not None


def _pairs(run: re.Match[str]) -> str:
    text = run[0]
    return f" {' '.join(pairs(text))} {text[-1]} "


def _pieces(word: re.Match[str]) -> str:
    text = word[0]
    return " ".join([text[at : at + WORD_MAX] for at in range(0, len(text) - PART_MAX, PART_MAX)])
