"""What a script did, line by line, in words (`merpati sieve test`).

Every note has a kind and values, from which its sentence is made here in English; whoever
speaks another language makes it from the same two.
"""

from __future__ import annotations

from typing import Final

from merpati.wire.sieve.actions import Note

MAX_SHOWN: Final = 120  # characters of a value that are shown
MAX_LISTED: Final = 10  # values of a list that are shown

Value = str | int | bool | list[str]

SENTENCES: Final = {
    "test": "{test} is {result}: {found}",
    "action": "{command}: {what}",
    "set": "the variable {name} is now {value}",
    "flags": "the flags are now {flags}",
    "edit": "{command}: {what}",
    "loop": "the loop looks at part {number}, {type}",
    "break": "the loop ends here",
    "include": "the script {name} begins",
    "not-included": "the script {name} is left out: {reason}",
    "return": "the script ends here, and the one that included it goes on",
    "stop": "the script ends here",
    "implicit-keep": "no command decided otherwise, so the message is kept",
    # What ends a script too early: the message is kept as it came.
    "error": "the script ends itself: {text}",
    "too-much-work": "the script takes too long; use fewer or simpler tests",
    "too-much-text": "the script makes more than {limit} characters of text; use less",
    "too-many-actions": "the script wants more than {limit} actions",
    "too-many-redirects": "the script redirects to more than {limit} addresses",
    "too-many-notifications": "the script sends more than {limit} notifications",
    "too-many-includes": "the script includes more than {limit} scripts",
    "too-deep": "scripts include each other more than {limit} deep",
    "recursion": "the script {name} would include itself; that is not allowed",
    "no-script": "there is no script {name} to include; make it, or use :optional",
    "no-list": "there is no list {name} here that could be looked into",
    "two-rejects": "the message cannot be rejected twice",
    "reject-conflict": "a message cannot be both rejected and {other}",
    "two-vacations": "vacation can be used only once",
    "bad-mailbox": "{name} is no name for a mailbox",
    "bad-address": "{name} is no address to send to",
    "bad-header": "{name} is no name of a header field",
    "bad-method": "notifications cannot be sent to {name}",
    "bad-value": "{name} is no value for {tag}",
    "not-allowed": "{name} is not known here; the test ihave did not find it",
    "global-exists": "the variable {name} was set before it was made global",
}
"""The sentences by kind."""


def note(line: int, kind: str, values: dict[str, Value], script: str = "") -> Note:
    """A note with its sentence; what is long is cut short."""
    short = {name: shorten(value) for name, value in values.items()}
    shown = {name: show(value) for name, value in short.items()}
    return Note(line, kind, short, SENTENCES[kind].format_map(shown), script)


def shorten(value: Value) -> Value:
    """A value as a note holds it."""
    if isinstance(value, str):
        return value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…"
    if isinstance(value, list):
        cut = [str(shorten(one)) for one in value[:MAX_LISTED]]
        return [*cut, "…"] if len(value) > MAX_LISTED else cut
    return value


def show(value: Value) -> str:
    """A value as a sentence shows it."""
    if isinstance(value, list):
        return ", ".join(value) if value else "none"
    return str(value)


def quote(text: str) -> str:
    """A string in quotes, for a sentence."""
    return f'"{text}"'
