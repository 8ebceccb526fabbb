"""Operations that show how things stand: dashboard, doctor, settings, audit, tokens."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Right
from merpati.servers.api.operation import (
    Call,
    CertificateView,
    ListenerView,
    Operation,
    SettingView,
    Who,
)
from merpati.servers.api.queries import Changes, Ended, Hours, Named, Told
from merpati.services.administration import dashboard, undoing, waking
from merpati.services.administration.dashboard import Dashboard
from merpati.services.administration.tokens import MadeToken, NewToken, TokenView
from merpati.services.administration.waking import AlertView
from merpati.services.diagnose.findings import Severity
from merpati.services.indonesian import say
from merpati.store import audit, directory
from merpati.store.audit import Entry
from merpati.store.engine import Transaction


class FindingView(Struct, frozen=True, rename="camel", kw_only=True):
    """What a check found: what is so, why it matters, what to do."""

    subject: str
    check: str
    severity: Severity
    what: str
    why: str
    do: str


class ChangeView(Struct, frozen=True, rename="camel", kw_only=True):
    """One change: who, what, from what, into what.

    Attributes:
        at: Unix milliseconds.
        undoes: The change that this one takes back; 0: none.
        undone_by: The latest change that takes this one back; 0: none.
        reversible: Whether this kind of change can be taken back at all.
        why_not: Why it cannot; of one change alone also why it cannot now.
    """

    id: int
    at: int
    who: str
    via: str
    peer: str
    action: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]
    undoes: int
    undone_by: int
    reversible: bool
    why_not: str


class Installation(Struct, frozen=True, rename="camel", kw_only=True):
    """This installation."""

    hostname: str
    language: str
    settings: list[SettingView]
    listeners: list[ListenerView]
    certificates: list[CertificateView]


async def show_dashboard(call: Call) -> Dashboard:
    """Now, and hour by hour."""
    return await dashboard.show(call.store, call.now, call.query.hours, call.query.step)


async def list_alerts(call: Call) -> list[AlertView]:
    """What goes on first."""
    return await waking.listing(call.store, call.language, ended=call.query.ended)


async def show_installation(call: Call) -> Installation:
    """What the configuration file says."""
    around = call.services.surroundings
    return Installation(
        hostname=call.services.hostname, language=call.services.language,
        settings=around.settings(call.language), listeners=around.listeners(),
        certificates=await around.certificates(),
    )  # fmt: skip


async def examine(call: Call) -> list[FindingView]:
    """The machine and its domains; for a delegate the domains alone."""
    names = [one.name for one in await call.store.read(directory.domains)]
    if call.domains is not None:
        names = [name for name in names if name in call.domains]
    if call.query.domain:
        call.allow(call.query.domain)
        names = [await call.store.read(directory.served, call.query.domain)]
    found = await call.services.surroundings.findings(names)
    return [
        FindingView(
            subject=subject, check=one.check, severity=one.severity,
            what=say(one.what, call.language), why=say(one.why, call.language),
            do=say(one.do, call.language),
        )
        for subject, findings in found.items()
        if call.domains is None or subject in names
        for one in findings
    ]  # fmt: skip


async def list_changes(call: Call) -> list[ChangeView]:
    """The latest first."""
    asked: Changes = call.query
    found = await call.store.scan(
        audit.listing, domains=call.domains, search=asked.search, before=asked.before,
        limit=asked.limit,
    )  # fmt: skip
    return [_change(one, undoing.never(one), call.language) for one in found]


async def show_change(call: Call) -> ChangeView:
    """With whether it can be taken back now."""
    number = call.number("id", "there is no such change")

    async def unit(tx: Transaction) -> ChangeView:
        entry = await audit.find(tx, number)
        return _change(entry, await undoing.why_not(tx, entry), call.language)

    return await call.store.read(unit)


async def undo_change(call: Call) -> ChangeView:
    """By the ordinary act."""
    number = call.number("id", "there is no such change")
    done = await undoing.undo(call.store, call.actor, call.now, number, call.services.ids.token)
    return _change(done, undoing.never(done), call.language)


def _change(one: Entry, why_not: str, language: str) -> ChangeView:
    return ChangeView(
        id=one.id, at=one.at, who=one.who, via=one.via, peer=one.peer, action=one.action,
        subject=one.subject, before=one.before, after=one.after, undoes=one.undoes,
        undone_by=one.undone_by, reversible=not undoing.never(one),
        why_not=say(why_not, language),
    )  # fmt: skip


async def list_tokens(call: Call) -> list[TokenView]:
    """One's own; an administrator sees all."""
    return await call.services.tokens.listing(0 if call.scope.everything else call.user.id)


async def add_token(call: Call) -> MadeToken:
    """No program makes itself another token."""
    new: NewToken = call.body
    if call.token is not None:
        raise Fault(Kind.DENIED, "a token is made by a person who has signed in")
    return await call.services.tokens.make(call.actor, call.user, new)


async def remove_token(call: Call) -> None:
    """One's own; an administrator any."""
    number = call.number("id", "there is no such token")
    account_id = 0 if call.scope.everything else call.user.id
    await call.services.tokens.remove(call.actor, number, account_id)


OPERATIONS = (
    Operation(
        method="GET", path="/dashboard", name="showDashboard", topic="overview",
        does=show_dashboard, query=Hours, answer=Dashboard,
        text="How things stand, and how they went hour by hour.",
    ),
    Operation(
        method="GET", path="/alerts", name="listAlerts", topic="overview", does=list_alerts,
        query=Ended, answer=list[AlertView],
        text="What is wrong and worth waking somebody, with the next step.",
    ),
    Operation(
        method="GET", path="/installation", name="showInstallation", topic="overview",
        does=show_installation, query=Told, answer=Installation,
        text="Settings, listeners (those of devices too) and certificates.",
    ),
    Operation(
        method="GET", path="/doctor", name="examine", topic="overview", does=examine,
        who=Who.DELEGATE, right=Right.REPORTS, query=Named, answer=list[FindingView],
        text="What is to be mended, as others see this server; takes up to a minute.",
    ),
    Operation(
        method="GET", path="/audit", name="listChanges", topic="audit", does=list_changes,
        who=Who.DELEGATE, right=Right.ACCOUNTS, query=Changes, answer=list[ChangeView],
        text="Who changed what, the latest first.",
    ),
    Operation(
        method="GET", path="/audit/{id}", name="showChange", topic="audit", does=show_change,
        query=Told, answer=ChangeView,
        text="One change, and why it cannot be taken back now, if it cannot.",
    ),
    Operation(
        method="POST", path="/audit/{id}/undo", name="undoChange", topic="audit",
        does=undo_change, query=Told, answer=ChangeView,
        text="Take a change back, unless what it concerns has changed since.",
    ),
    Operation(
        method="GET", path="/tokens", name="listTokens", topic="me", does=list_tokens,
        who=Who.USER, answer=list[TokenView], text="Tokens for programs, without their secrets.",
    ),
    Operation(
        method="POST", path="/tokens", name="addToken", topic="me", does=add_token,
        who=Who.USER, status=201, body=NewToken, answer=MadeToken,
        text="Make a token for a program; its secret is shown only now.",
    ),
    Operation(
        method="DELETE", path="/tokens/{id}", name="removeToken", topic="me", does=remove_token,
        who=Who.USER, text="Make a token worthless.",
    ),
)  # fmt: skip
