"""The cases of tests/corpora/sieve: a script, a message, and what is wanted of them.

A case names a message of its file and may give an envelope (`sender`, `recipient`, `now`, `dsn`,
`flags`), the script's own name (`name_of_script`) and what the world answers (`mailboxes`,
`metadata`, `lists`, `spam` ...). `again` are further runs, each with its own message, answers and
expectations.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from merpati.wire.sieve import actions, questions
from merpati.wire.sieve.actions import Action, Outcome
from merpati.wire.sieve.budget import DEFAULT, Limits
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.interpreter import run
from merpati.wire.sieve.message import Envelope, read
from merpati.wire.sieve.program import Program

CORPUS: Final = Path(__file__).parents[1] / "corpora" / "sieve"
NOW: Final = "2026-11-22T09:30:00+07:00"


@dataclass(frozen=True)
class SieveCase:
    """One run of one script."""

    name: str
    script: bytes
    message: bytes
    facts: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        """What is wanted, as `shown` tells it."""
        return list(self.facts.get("actions", []))

    def envelope(self) -> Envelope:
        dsn = self.facts.get("dsn", {})
        flags = self.facts.get("flags")
        return Envelope(
            sender=self.facts.get("sender", "sender@example.net"),
            recipient=self.facts.get("recipient", "me@example.org"),
            now=datetime.fromisoformat(self.facts.get("now", NOW)),
            owner="me@example.org",
            flags=None if flags is None else tuple(flags),
            notify=tuple(dsn.get("notify", ())),
            orcpt=dsn.get("orcpt", ""),
            ret=dsn.get("ret", ""),
            envid=dsn.get("envid", ""),
            by_absolute=datetime.fromisoformat(dsn["by"]) if "by" in dsn else None,
            by_mode=dsn.get("by_mode", ""),
            by_trace=dsn.get("by_trace", False),
        )


@cache
def load() -> tuple[SieveCase, ...]:
    """Every case, in order."""
    found: list[SieveCase] = []
    for path in sorted(CORPUS.glob("*.toml")):
        data = tomllib.loads(path.read_text())
        messages = {name: _crlf(text) for name, text in data["message"].items()}
        for case in data["case"]:
            runs = [case, *case.get("again", [])]
            for number, facts in enumerate(runs):
                named = f"{path.stem}: {case['name']}"
                found.append(
                    SieveCase(
                        f"{named} ({number + 1})" if number else named,
                        facts.get("script", case["script"]).lstrip("\n").encode(),
                        messages.get(facts.get("message", ""), b""),
                        {"scripts": case.get("scripts", {}), **facts},
                    )
                )
    return tuple(found)


def _crlf(text: str) -> bytes:
    return text.lstrip("\n").replace("\n", "\r\n").encode()


@dataclass
class World:
    """Answers a script's questions from the facts of a case."""

    facts: dict[str, Any] = field(default_factory=dict)

    def answer(self, question: questions.Question) -> Any:
        """The answer that the question's docstring wants."""
        facts = self.facts
        match question:
            case questions.MailboxExists(mailboxes):
                return set(mailboxes) <= {"INBOX", *facts.get("mailboxes", [])}
            case questions.MailboxIdExists(ids):
                return set(ids) <= set(facts.get("mailbox_ids", []))
            case questions.SpecialUseExists(uses, mailbox):
                known = facts.get("uses", {})
                return all(use in known and mailbox in {None, known[use]} for use in uses)
            case questions.Metadata(mailbox, annotation):
                return facts.get("metadata", {}).get((mailbox or "") + annotation)
            case questions.Duplicate(handle, unique_id):
                key = f"{handle}:{unique_id}" if handle else unique_id
                return key in facts.get("seen", [])
            case questions.InLists(lists, values):
                members = {one for name in lists for one in facts.get("lists", {}).get(name, [])}
                return next((value for value in values if value in members), None)
            case questions.ListsExist(lists):
                return set(lists) <= set(facts.get("lists", {}))
            case questions.Script(name, location):
                source = facts.get("scripts", {}).get(f"{location} {name}")
                return None if source is None else compile_script(source.encode())
            case questions.SpamScore():
                return facts.get("spam")
            case questions.VirusScore():
                return facts.get("virus", 0)
            case questions.EnvironmentItem(name):
                return facts.get("environment", {}).get(name)
            case questions.MethodCapability():
                return facts.get("online")
            case questions.MethodsValid(methods):
                return all(uri.startswith(tuple(facts.get("methods", ()))) for uri in methods)


def drive(
    program: Program,
    message: bytes,
    envelope: Envelope,
    facts: dict[str, Any] | None = None,
    limits: Limits = DEFAULT,
    *,
    explained: bool = False,
) -> Outcome:
    """Run a program to its end."""
    world = World(facts or {})
    name = world.facts.get("name_of_script", "")
    steps = run(program, read(message), envelope, limits, explained=explained, name=name)
    answer: Any = None
    try:
        while True:
            answer = world.answer(steps.send(answer))
    except StopIteration as end:
        outcome = end.value
        assert isinstance(outcome, Outcome)
        return outcome


def shown(action: Action) -> str:
    """An action as the cases write it."""
    match action:
        case actions.Keep():
            text = "implicit keep" if action.implicit else "keep"
            text += _flags(action.flags)
        case actions.FileInto():
            text = f"fileinto {action.mailbox}{_place(action)}"
            text += " copy" if action.copy else ""
            text += _flags(action.flags)
        case actions.Redirect():
            text = f"redirect {action.address}"
            text += " copy" if action.copy else ""
            text += " list" if action.to_list else ""
            text += f" notify={','.join(action.notify)}" if action.notify else ""
            text += f" ret={action.ret}" if action.ret else ""
            if action.by_seconds is not None:
                text += f" by={action.by_seconds}{action.by_mode}"
        case actions.Reject():
            text = f"{'ereject' if action.extended else 'reject'} {action.reason.rstrip()}"
        case actions.Discard():
            text = "discard"
        case actions.Vacation():
            text = _vacation(action)
        case actions.Notify():
            text = f"notify {action.method} {action.importance} {action.message}"
            text += _fcc(action.fcc)
    edition = getattr(action, "edition", 0)
    return f"{text} #{edition}" if edition else text


def _vacation(action: actions.Vacation) -> str:
    text = f"vacation {action.reason.rstrip()}"
    text += f" subject={action.subject}" if action.subject else ""
    text += f" from={action.sender}" if action.sender else ""
    text += f" handle={action.handle}" if not action.handle.startswith(":") else ""
    text += f" for={','.join(action.addresses)}" if action.addresses else ""
    text += f" each={action.seconds}" if action.seconds != 7 * 86_400 else ""
    text += " mime" if action.mime else ""
    return text + _fcc(action.fcc)


def _fcc(fcc: actions.Fcc | None) -> str:
    return "" if fcc is None else f" fcc={fcc.mailbox}{_place(fcc)}{_flags(fcc.flags)}"


def _place(where: actions.FileInto | actions.Fcc) -> str:
    text = " create" if where.create else ""
    text += f" use={where.special_use}" if where.special_use else ""
    return text + (f" id={where.mailbox_id}" if where.mailbox_id else "")


def _flags(flags: tuple[str, ...] | None) -> str:
    return "" if flags is None else f" ({' '.join(flags)})"
