"""Complaints about mail of our accounts, as they come to `abuse@` of our domains (RFC 5965).

Large providers send one for each message that somebody calls spam, to an address that one has
registered with them; RFC 2142 has `abuse@` for all others. A complaint counts when the mail that it
came in is proven to be from its sender, and when it names a message that one of our accounts has
sent: the trace knows it by its Message-ID. It is kept, told to programs, and weighs on the account
as mail that fails does (services/guard.py). A single one stops nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from merpati.base.clock import Clock
from merpati.base.faults import SyntaxFault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.model.event import Event, EventKind
from merpati.model.verdict import Judgement
from merpati.store import complaints, directory, events
from merpati.store.complaints import Complained
from merpati.store.engine import Store, Transaction
from merpati.wire.dkim.verifier import DkimVerdict
from merpati.wire.dmarc.evaluation import DmarcVerdict
from merpati.wire.reports import complaint
from merpati.wire.reports.complaint import Complaint
from merpati.wire.smtp.paths import parse_address

ABUSE: Final = "abuse@"  # RFC 2142 2
WEIGHT: Final = 3  # recipients that fail for good, as the guard counts them
KEPT: Final = 400 * 86_400_000  # ms; a year to compare
TRACES: Final = 5  # messages of one Message-ID that are looked at

Failed = Callable[[Transaction, int, int, int], Awaitable[None]]
"""Told in the transaction: account, how much failed, when."""
Tell = Callable[[Transaction, int, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintSettings:
    """Complaints of others about mail that our accounts have sent."""

    addresses: tuple[str, ...] = setting(
        (),
        "Addresses here, besides abuse@ of each domain, to which others send complaints (ARF).",
        example=("feedback@example.org",),
    )

    def __post_init__(self) -> None:
        for one in self.addresses:
            try:
                parse_address(one)
            except SyntaxFault as fault:
                raise ValueError(f"addresses: {one[:100]!r} is no address") from fault


class Complaints:
    """Reads complaints for one worker."""

    def __init__(self, store: Store, clock: Clock, settings: ComplaintSettings, log: Log) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._addresses = {str(parse_address(one)).lower() for one in settings.addresses}
        self.on_failed: Failed | None = None  # the guard, which is made later
        self.tell: Tell | None = None  # writes down what programs are to be told

    def wants(self, address: str) -> bool:
        """True for an address here to which others complain."""
        lowered = address.lower()
        return lowered.startswith(ABUSE) or lowered in self._addresses

    async def take(
        self, judged: Judgement, addresses: Iterable[str], content: bytes
    ) -> Complained | None:
        """Read a mail that was taken over; nothing is raised for what is no complaint."""
        if not any(map(self.wants, addresses)):
            return None
        try:
            found = complaint.read(content)
        except SyntaxFault as fault:
            self._log.info("complaint.unread", reason=fault.text)
            return None
        if found is None:
            return None
        if not is_proven(judged):
            reason = "the mail it came in is not proven to be from its sender"
            self._log.info("complaint.unread", reason=reason)
            return None
        kept = await self._store.write(self._keep, found, int(self._clock.now() * 1000))
        if kept is not None:
            said = complaint.sentence(kept.kind, kept.reporter, kept.recipient, kept.address)
            self._log.warning("complaint.kept", account=kept.account_id, said=said)
        return kept

    async def forget(self) -> None:
        """Remove those whose time is over."""
        before = int(self._clock.now() * 1000) - KEPT
        await self._store.write(complaints.forget, before)

    async def _keep(self, tx: Transaction, found: Complaint, now: int) -> Complained | None:
        step = await _sent(tx, found.message_id)
        account = await directory.account_by_id(tx, step.account_id) if step is not None else None
        if step is None or account is None:
            return None
        one = Complained(
            account_id=account.id, address=account.address, received_at=now, trace=step.trace,
            kind=found.kind, reporter=found.reporter, recipient=found.recipient,
        )  # fmt: skip
        if not await complaints.keep(tx, one):
            return None
        if self.on_failed is not None:
            await self.on_failed(tx, account.id, WEIGHT, now)
        if self.tell is not None:
            await self.tell(tx, now, _told(one))
        return one


def is_proven(judged: Judgement) -> bool:
    """Whether a mail is from whom it says: by DMARC, or at least signed by somebody."""
    dmarc = judged.findings.dmarc
    if dmarc is not None and dmarc.verdict is DmarcVerdict.PASS:
        return True
    return any(one.verdict is DkimVerdict.PASS for one in judged.findings.dkim)


async def _sent(tx: Transaction, message_id: str) -> Event | None:
    """The step by which one of our accounts has sent a message."""
    if not message_id:
        return None
    for trace in await events.traces(tx, message_id, TRACES):
        for step in await events.of_trace(tx, trace):
            if step.kind is EventKind.SUBMITTED and step.account_id:
                return step
    return None


def _told(one: Complained) -> dict[str, Any]:
    return {
        "id": one.trace, "address": one.address, "kind": one.kind, "reporter": one.reporter,
        "recipient": one.recipient,
        "text": complaint.sentence(one.kind, one.reporter, one.recipient, one.address),
    }  # fmt: skip
