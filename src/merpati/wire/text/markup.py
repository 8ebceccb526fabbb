"""The words of HTML, for searching: what a browser shows, without its markup.

Tags that a browser shows as a break become one; those within a word (`<b>`, `<span>`) go
without a trace, so that "he<b>llo</b>" is one word. This is no sanitiser: the result is text
and must be escaped where it is shown. Every expression reads each character a bounded number
of times, whatever the markup.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TAG_MAX: Final = 4_096  # characters of an unfinished tag that wait for the next piece
# What is never closed reaches to the end, so that a thousand openings are not a thousand
# searches. Letters in both cases, for IGNORECASE more than doubles the time.
_HIDDEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|([sS][tT][yY][lL][eE]|[sS][cC][rR][iI][pP][tT]|[tT][iI][tT][lL][eE])\b"
    r".*?(?:</(?i:\1)\b[^>]*+(?:>|\Z)|\Z))",
    re.DOTALL,
)
# a abbr b big code del em font i ins mark o:p q s small span strong sub sup u wbr; the letters that
# none of them begins with are looked at first, for most tags are paragraphs, tables, their rows.
_INLINE = re.compile(
    r"<(?!/?[hlptHLPT])/?(?:[abiqsuABIQSU]|[sS][pP][aA][nN]|[fF][oO][nN][tT]|[eE][mM]|[bB][iI][gG]"
    r"|[sS][tT][rR][oO][nN][gG]|[sS][uU][bBpP]|[sS][mM][aA][lL][lL]|[wW][bB][rR]|[oO]:[pP]"
    r"|[mM][aA][rR][kK]|[cC][oO][dD][eE]|[iI][nN][sS]|[dD][eE][lL]|[aA][bB][bB][rR])"
    r"(?:[\s/][^>]*+)?(?:>|\Z)"
)
_TAG = re.compile(r"<[a-zA-Z/!?][^>]*+(?:>|\Z)")
# `html.unescape` turns digits into a number, and Python refuses more than 4,300.
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9A-Fa-f]{8,}+);?")


def visible(markup: str) -> str:
    """The text of one piece of markup."""
    text = markup
    if "<" in text:
        text = _TAG.sub(" ", _INLINE.sub("", _HIDDEN.sub(" ", text)))
    if "&" not in text:
        return text
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))


def visible_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """The text of markup that comes in pieces, which may end within a tag."""
    rest = ""
    for piece in pieces:
        markup = rest + piece
        opened = markup.rfind("<", max(0, len(markup) - TAG_MAX))
        cut = opened if opened > markup.rfind(">") else len(markup)
        rest = markup[cut:]
        yield visible(markup[:cut])
    if rest:
        yield visible(rest)
