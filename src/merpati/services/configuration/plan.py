"""What applying a text would change: pure, and told in words before it is done."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from merpati.services.configuration.document import KINDS, Document

KEPT_ADDRESSES: Final = ("addresses",)  # only ever added to: mail may come to them
WORDS: Final = {
    "domain": "the domain", "account": "the account", "alias": "the alias", "list": "the list"
}  # fmt: skip


class PlannedStep(Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that changes.

    Attributes:
        kind: domain, account, alias, list.
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
    now: Document, wanted: Document, *, remove: bool = False, remove_accounts: bool = False
) -> Plan:
    """What leads from one document to another.

    Args:
        now: As it is.
        wanted: As it is to be.
        remove: Also remove what the text does not have, but for accounts.
        remove_accounts: Erase accounts that it does not have, with all their mail.
    """
    steps: list[PlannedStep] = []
    going: list[PlannedStep] = []
    stays: list[str] = []
    for attribute, kind in KINDS.items():  # in the order in which they are made
        old, new = _plain(now, attribute), _plain(wanted, attribute)
        for subject in sorted(new):
            step = _step(kind, subject, old.get(subject), new[subject])
            if step is not None:
                steps.append(step)
        for subject in sorted(old.keys() - new.keys()):
            # A domain goes only when no account of it stays.
            if remove_accounts if kind == "account" else remove:
                words = f"remove {WORDS[kind]} {subject}"
                if kind == "account":
                    words = f"erase {WORDS[kind]} {subject} with all its mail"
                going.append(
                    PlannedStep(action="remove", kind=kind, subject=subject, before=old[subject],
                         after={}, words=words)
                )  # fmt: skip
            else:
                stays.append(f"{WORDS[kind]} {subject}")
    return Plan(steps=[*steps, *reversed(going)], stays=stays)


def _plain(document: Document, attribute: str) -> dict[str, dict[str, Any]]:
    found: dict[str, Any] = msgspec.to_builtins(getattr(document, attribute))
    if attribute == "aliases":
        return {name: {"targets": sorted(targets)} for name, targets in found.items()}
    return {
        name: {
            key: sorted(one.lower() for one in value) if isinstance(value, list) else value
            for key, value in fields.items()
        }
        for name, fields in found.items()
    }


def _step(
    kind: str, subject: str, old: dict[str, Any] | None, new: dict[str, Any]
) -> PlannedStep | None:
    if old is None:
        said = {key: value for key, value in new.items() if value not in (None, "", 0, False, [])}
        words = f"add {WORDS[kind]} {subject}" + (f": {_told(said)}" if said else "")
        return PlannedStep(
            action="add", kind=kind, subject=subject, before={}, after=new, words=words
        )
    changed = {
        key: value
        for key, value in new.items()
        if value != old.get(key)
        and not (key == "password_hash" and value is None)
        and not (key == "name" and kind == "list" and not value)  # then it is its address's
        and not (key in KEPT_ADDRESSES and set(value) <= set(old[key]))
    }
    if not changed:
        return None
    before = {key: old.get(key) for key in changed}
    differs = ", ".join(_differs(key, before[key], value) for key, value in changed.items())
    words = f"change {WORDS[kind]} {subject}: {differs}"
    return PlannedStep(
        action="change", kind=kind, subject=subject, before=before, after=changed, words=words
    )


def _differs(key: str, old: Any, new: Any) -> str:
    name = key.replace("_", " ")
    if key == "password_hash":
        return "another password"
    if isinstance(new, list):
        more, less = sorted(set(new) - set(old or [])), sorted(set(old or []) - set(new))
        if key in KEPT_ADDRESSES:
            less = []
        said = [f"+{one}" for one in more] + [f"-{one}" for one in less]
        return f"{name} {' '.join(said)}"
    return f"{name} {_value(old)} -> {_value(new)}"


def _told(said: dict[str, Any]) -> str:
    return ", ".join(
        f"{key.replace('_', ' ')} {'set' if key == 'password_hash' else _value(value)}"
        for key, value in said.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
