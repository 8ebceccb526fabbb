"""What applying a text would change: pure, and told in words before it is done."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.services.configuration import words
from merpati.services.configuration.document import KINDS, Document, RuleText
from merpati.services.configuration.words import ERASED, GROWING, Book

NAMED: Final = frozenset({"list", "shared"})  # without a name it is that of the address


class PlannedStep(Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that changes.

    Attributes:
        kind: domain, account, shared, alias, list, delegate, rule.
        subject: Its name or address.
        before, after: What differs; all of it for a thing that comes or goes.
        words: The same for people.
    """

    action: Literal["add", "change", "remove"]
    kind: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]
    words: str


class Plan(Struct, frozen=True, rename="camel", kw_only=True):
    """All steps, in the order in which they are taken; and what is not in the text and stays."""

    steps: list[PlannedStep]
    stays: list[str]


def plan(
    now: Document, wanted: Document, *, remove: bool = False, remove_accounts: bool = False,
    language: str = "en",
) -> Plan:  # fmt: skip
    """What leads from one document to another.

    Args:
        now: As it is.
        wanted: As it is to be.
        remove: Also remove what the text does not have, but for accounts and shared mailboxes.
        remove_accounts: Erase those that it does not have, with all their mail.
        language: Of the words.

    Raises:
        Fault: EXISTS for an account that is a shared mailbox now, or the other way round.
    """
    _check(now, wanted)
    told = words.book(language)
    steps: list[PlannedStep] = []
    going: list[PlannedStep] = []
    stays: list[str] = []
    for attribute, kind in KINDS.items():  # in the order in which they are made
        old, new = _plain(now, attribute), _plain(wanted, attribute)
        for subject in sorted(new):
            step = _step(kind, subject, old.get(subject), new[subject], told)
            if step is not None:
                steps.append(step)
        for subject in sorted(old.keys() - new.keys()):
            # A domain goes only when no account of it stays.
            if remove_accounts if kind in ERASED else remove:
                going.append(
                    PlannedStep(action="remove", kind=kind, subject=subject, before=old[subject],
                         after={}, words=words.removed(kind, subject, told))
                )  # fmt: skip
            else:
                stays.append(words.thing(kind, subject, told))
    return Plan(steps=[*steps, *reversed(going)], stays=stays)


def _check(now: Document, wanted: Document) -> None:
    for address in sorted(wanted.accounts.keys() & now.shared.keys()):
        text = f"{address} is a shared mailbox now; give it back, or take it out of the text"
        raise Fault(Kind.EXISTS, text)
    for address in sorted(wanted.shared.keys() & now.accounts.keys()):
        text = f"{address} is a person's account now; hand it over, or take it out of the text"
        raise Fault(Kind.EXISTS, text)


def _plain(document: Document, attribute: str) -> dict[str, dict[str, Any]]:
    found: Any = msgspec.to_builtins(getattr(document, attribute))
    match attribute:
        case "rules":
            return {
                rule_subject(rule): fields
                for rule, fields in zip(document.rules, found, strict=True)
            }
        case "aliases":
            return {name: {"targets": sorted(targets)} for name, targets in found.items()}
        case _:
            return {
                name: {
                    key: sorted(one.lower() for one in value) if isinstance(value, list) else value
                    for key, value in fields.items()
                }
                for name, fields in found.items()
            }


def rule_subject(rule: RuleText) -> str:
    """How a rule is told from others: by what it holds."""
    patterns = {name: getattr(rule, name) for name in ("sender", "recipient", "destination")}
    return " ".join(f"{name} {pattern.lower()}" for name, pattern in patterns.items() if pattern)


def _step(
    kind: str, subject: str, old: dict[str, Any] | None, new: dict[str, Any], told: Book
) -> PlannedStep | None:
    if old is None:
        return PlannedStep(
            action="add", kind=kind, subject=subject, before={}, after=new,
            words=words.added(kind, subject, new, told),
        )  # fmt: skip
    if kind == "delegate":  # a domain that is left out is one without rights
        new = {**{key: [] for key in old}, **new}
    changed = {
        key: value
        for key, value in new.items()
        if value != old.get(key)
        and not (key == "password_hash" and value is None)
        and not (key == "name" and kind in NAMED and not value)  # then it is its address's
        and not (key in GROWING and set(value) <= set(old[key]))
    }
    if not changed:
        return None
    before = {key: old.get(key) for key in changed}
    return PlannedStep(
        action="change", kind=kind, subject=subject, before=before, after=changed,
        words=words.changed(kind, subject, before, changed, told),
    )  # fmt: skip
