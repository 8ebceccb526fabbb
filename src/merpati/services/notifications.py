"""Who is to be told what (RFC 3461 5.2): tries sorted by what happens next.

NOTIFY decides for each recipient. When it was not said, failures and delays are told and
successes are not. Success is told by the last server that can: a next hop that offers DSN
has taken that over with the message; one that does not ends it, and the sender hears that
the message was *relayed* there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.model.delivery import Outcome
from merpati.model.queue import QueueMessage, Tried
from merpati.wire import dsn
from merpati.wire.smtp.paths import parse_address

NEVER: Final = "NEVER"


class Verdicts(msgspec.Struct, frozen=True):
    """The recipients of one message, sorted by what happens to them next.

    `is_late`: the time to tell of a delay has come.
    """

    served: list[Tried]
    deferred: list[Tried]
    failed: list[Tried]
    is_late: bool
    has_deadline: bool = False

    def to_tell(self) -> dict[dsn.Action, list[Tried]]:
        """What the sender is to be told, and about whom."""
        told: dict[dsn.Action, list[Tried]] = {}
        for one in self.served:
            if asks_for_success(one):
                action = dsn.Action.DELIVERED if one.is_final else dsn.Action.RELAYED
                told.setdefault(action, []).append(one)
        for one in self.failed:
            if _wants(one, "FAILURE"):
                told.setdefault(dsn.Action.FAILED, []).append(one)
        for one in self.deferred if self.is_late else ():
            if _wants(one, "DELAY") or (self.has_deadline and one.recipient.notify != NEVER):
                told.setdefault(dsn.Action.DELAYED, []).append(one)
        return told


def sort(message: QueueMessage, tried: Sequence[Tried], now: int) -> Verdicts:
    """Tries of one message, sorted. What is older than it may be has failed."""
    served = [one for one in tried if one.result.outcome is Outcome.DELIVERED]
    failed = [one for one in tried if one.result.outcome is Outcome.PERMANENT]
    deferred = [one for one in tried if one.result.outcome is Outcome.TEMPORARY]
    if now >= message.expires_at:
        failed, deferred = failed + deferred, []
    is_late = bool(deferred) and 0 < message.warn_at <= now
    # RFC 2852: at its deadline a message of mode N is told of, and goes on
    options = message.options
    has_deadline = options.by_mode == "N" and 0 < options.deliver_by <= now
    return Verdicts(served, deferred, failed, is_late, has_deadline)


def asks_for_success(one: Tried) -> bool:
    """Whether it is us who must tell that it went well."""
    return "SUCCESS" in one.recipient.notify and not one.offers_dsn


def reported(message: QueueMessage, one: Tried, action: dsn.Action, at: float) -> dsn.Recipient:
    """A recipient as the notification has it; `at` is the moment of the try, Unix seconds."""
    result, options = one.result, message.options
    status = result.status
    if action is dsn.Action.FAILED and status.startswith("4"):
        # RFC 3463 3.5: tried until its time was over; a deadline is one for good (RFC 2852)
        status = "5.4.7" if options.by_mode == "R" else "4.4.7"
    until = message.expires_at / 1000 if action is dsn.Action.DELAYED else None
    return dsn.Recipient(
        address=parse_address(one.recipient.address),
        action=action,
        status=status,
        diagnostic=result.text,
        remote=result.host,
        last_attempt=at,
        retry_until=until,
        original=one.recipient.orcpt,
    )


def _wants(one: Tried, word: str) -> bool:
    return not one.recipient.notify or word in one.recipient.notify
