"""The classic program's command line; `merpati-sendmail` is the same without an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati.app import sendmail

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Hand in a message; the exit status of sysexits.h."""
    return sendmail.main(words)
