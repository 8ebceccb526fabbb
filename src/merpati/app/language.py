"""The language of the command line: what MERPATI_LANG says, else the locale.

Commands write English. What they print, their help and their errors go through `tell`, which
finds the Indonesian in the dictionaries of `app/indonesian` (see `base/phrases.py`), one for
each command; these are only imported for those who read Indonesian.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from merpati.base import phrases

WRONG_USAGE = 2  # exit status, as in argparse


def spoken() -> str:
    """The language of whoever typed the command: "en" or "id"."""
    return phrases.of_environment(os.environ)


def tell(text: str) -> str:
    """What a command says, in its reader's language; blanks around it stay as they are."""
    if spoken() == phrases.ENGLISH or not text:
        return text
    from merpati.app.indonesian import PHRASES  # noqa: PLC0415 -- most read English

    sentence = text.strip()
    return text.replace(sentence, PHRASES.say(sentence, phrases.INDONESIAN), 1)


class Parser(argparse.ArgumentParser):
    """A parser, with those of its actions, whose help and errors are in the reader's language."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "formatter_class": _Formatter})

    def error(self, message: str) -> NoReturn:
        """Say how it is used and what is wrong, and end with the status for wrong usage."""
        self.print_usage(sys.stderr)
        wrong = tell("error: {}").format(tell(message))
        self.exit(WRONG_USAGE, f"{self.prog}: {wrong}\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Any,
        prefix: str | None = None,
    ) -> None:  # fmt: skip
        start = f"{tell('usage:')} " if prefix is None else prefix
        super().add_usage(usage, actions, groups, start)

    def start_section(self, heading: str | None) -> None:
        super().start_section(tell(heading or ""))

    def add_text(self, text: str | None) -> None:
        super().add_text(text and tell(text))

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help and tell(action.help)
