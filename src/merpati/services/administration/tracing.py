"""Where a message is: found by address, subject, Message-ID or trace id, told step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, structs

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.event import Event, EventKind
from merpati.services.administration import trace_words
from merpati.store import directory, event_search, events
from merpati.store.engine import Store

LAST_MAX = 100  # messages of one answer
KEPT_DAYS = 90
SUBJECT_MIN = 3  # characters that a subject is looked for by

# Of a step that belongs to the sender's side, what only the sender may know: blind copies.
_SENDERS = frozenset({"to", "recipients"})
# Steps of the message itself, which all that it concerns may see.
_COMMON = frozenset({EventKind.RECEIVED, EventKind.SUBMITTED, EventKind.NAMED, EventKind.JUDGED})
# Steps that are about the message or its sender; all others are about a recipient.
_OF_MESSAGE = _COMMON | {EventKind.RETURNED, EventKind.WARNED, EventKind.CONFIRMED, EventKind.HELD}
Theirs = Callable[[str, int], bool]
"""Whether an address, or an account, is one whose mail somebody may look after."""


class Step(Struct, frozen=True, rename="camel", kw_only=True):
    """One step. `at` is Unix milliseconds; `facts` is what else is known of it.

    `advice` says what a failure means and what can be done about it.
    """

    at: int
    kind: EventKind
    about: str
    text: str
    advice: str
    facts: dict[str, str]


class Road(Struct, frozen=True, rename="camel", kw_only=True):
    """One message's road, its steps in order."""

    trace: str
    at: int
    sender: str
    subject: str
    message_id: str
    steps: list[Step]


async def find(store: Store, what: str, last: int, now: int) -> list[list[Event]]:
    """The histories of the messages that `what` names, newest first.

    Raises:
        Fault: NOT_FOUND when nothing is known.
    """
    last = max(1, min(last, LAST_MAX))
    traces: list[str] = []
    for about in dict.fromkeys((what, f"<{what.strip('<>')}>", what.lower())):
        traces = await store.read(events.traces, about, last)
        if traces:
            break
    histories = [await store.read(events.of_trace, one) for one in traces or [what]]
    if not histories[0] and len(what.strip()) >= SUBJECT_MIN:
        traces = await store.scan(event_search.by_subject, what.strip(), now, last)
        histories = [await store.read(events.of_trace, one) for one in traces]
        histories = [one for one in histories if what.strip().lower() in _subject(one).lower()]
    histories = [one for one in histories if one]
    if not histories:
        text = f"nothing is known of {what}; histories are kept for {KEPT_DAYS} days"
        raise Fault(Kind.NOT_FOUND, text)
    return histories


def road(history: list[Event], language: str) -> Road:
    """A history in words."""
    first = history[0]
    named = next((step for step in history if step.kind is EventKind.NAMED), None)
    return Road(
        trace=first.trace, at=first.at, sender=first.about, subject=_subject(history),
        message_id=named.about if named else "",
        steps=[
            Step(
                at=step.at, kind=step.kind, about=step.about,
                text=trace_words.sentence(step, language),
                advice=trace_words.advice(step, language), facts=trace_words.facts(step),
            )
            for step in history
        ],
    )  # fmt: skip


def seen_by(history: list[Event], theirs: Theirs) -> list[Event]:
    """What somebody may see of a history.

    That is the road of a message that one of theirs has submitted; else how it came, and what
    became of it for their own addresses; nothing if it concerns none of them. A recipient learns
    of no other recipient, and the sender nothing of the filters of others, nor where their mail
    is forwarded.
    """
    first = history[0]
    if first.kind is EventKind.SUBMITTED and theirs(first.about, first.account_id):
        named = _named(history)
        return [
            _bare(one) if _is_private(one, theirs) else one
            for one in history
            if one.kind in _OF_MESSAGE or one.about.lower() in named or theirs(one.about, 0)
        ]
    own = [one for one in history if _concerns(one, theirs)]
    if not own:
        return []
    start = [_without(one, _SENDERS) for one in history if one.kind in _COMMON]
    return start + own


def of_account(account: Account, addresses: list[str]) -> Theirs:
    """One person's own mail."""
    names = frozenset(one.lower() for one in addresses)
    return lambda about, account_id: account_id == account.id or about.lower() in names


async def own(store: Store, account: Account) -> Theirs:
    """The same, with the account's addresses."""
    return of_account(account, await store.read(directory.addresses, account.id))


def of_domains(domains: frozenset[str]) -> Theirs:
    """The mail of whole domains."""
    return lambda about, _: about.lower().rpartition("@")[2].rstrip(">") in domains


def _concerns(step: Event, theirs: Theirs) -> bool:
    if step.kind in _COMMON:
        return False
    return theirs(step.about, 0) or (
        step.kind in {EventKind.DELIVERED, EventKind.FILTERED}
        and theirs("", step.account_id)
        and bool(step.account_id)
    )


def _is_private(step: Event, theirs: Theirs) -> bool:
    """Where another person's filters put it is not for the sender."""
    return step.kind in {EventKind.FILTERED, EventKind.DELIVERED} and not _concerns(step, theirs)


def _named(history: list[Event]) -> set[str]:
    """Whom the sender has named; whom else it goes to, others have arranged for themselves."""
    first = history[0]
    named = {str(one).lower() for one in first.detail.get("to", [])}
    if int(first.detail.get("recipients", 0)) > len(named):  # only the first of many are noted
        named |= {one.about.lower() for one in history if one.at == first.at}
    return named


def _bare(step: Event) -> Event:
    if step.kind is EventKind.DELIVERED:
        return structs.replace(step, detail={"mailbox": "INBOX"})
    return structs.replace(step, detail={"script": "?", "did": []})


def _without(step: Event, names: frozenset[str]) -> Event:
    detail: dict[str, Any] = {
        name: value for name, value in step.detail.items() if name not in names
    }
    return structs.replace(step, detail=detail)


def _subject(history: list[Event]) -> str:
    return next((str(step.detail["subject"]) for step in history if "subject" in step.detail), "")
