"""How texts are compared without regard to case: i;unicode-casemap (RFC 5051).

SORT and THREAD compare by it (RFC 5255 4.6, I18NLEVEL=1); the order of folded texts is that
of their UTF-8 bytes. Searching passes over more than case: see wire/text/folding.py.
"""

from __future__ import annotations

from unicodedata import normalize


def fold(text: str) -> str:
    """The text in the form in which equal texts are the same.

    RFC 5051 2 maps each character to title case and decomposes it. Here the whole text is
    decomposed (NFKD) and put in capitals, which differs for the few characters whose
    capital is two letters: so "ß" meets "SS", which a reader expects.
    """
    if text.isascii():
        return text.upper()
    return normalize("NFKD", text).upper()
