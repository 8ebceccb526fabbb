"""Answers that people give while they are away: to whom, how often, and how they look.

RFC 5230 and RFC 3834: never to machines, lists or bulk mail, never to somebody who wrote to
others and not to the user, never twice within a time; and with the null path, so that
nothing ever comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from merpati.wire.mime import addresses, headers
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.sieve.actions import Vacation

# Local parts that no person reads (RFC 5230 4.6), beside what begins or ends like these.
_MACHINES: Final = frozenset({
    "mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "donotreply",
    "do-not-reply", "postmaster", "bounce", "bounces",
})  # fmt: skip
_BEGINNINGS: Final = ("owner-", "bounce-", "bounces-", "bounce+", "bounces+", "srs0=", "prvs=")
_ENDINGS: Final = ("-request", "-owner", "-bounces", "-bounce", "-noreply")
# Where the user may be named (RFC 5230 4.5).
_NAMED_IN: Final = (
    b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc",
)  # fmt: skip
_LIST_FIELDS: Final = (
    b"list-id", b"list-help", b"list-subscribe", b"list-unsubscribe", b"list-post", b"list-owner",
    b"list-archive",
)  # fmt: skip
_BULK: Final = frozenset({b"bulk", b"junk", b"list"})
_SUPPRESSED: Final = frozenset({"all", "oof", "autoreply"})  # X-Auto-Response-Suppress of Exchange


def why_not(
    action: Vacation, sender: str, own: Iterable[str], fields: headers.Headers, *, suspect: bool
) -> str:
    """Why a message is not answered; empty: it is.

    Args:
        action: As the script wants it.
        sender: The envelope sender.
        own: The addresses of the account, in lower case.
        fields: The header of the message.
        suspect: Whether it lies in Junk: its sender may be anybody.
    """
    if not sender:
        return "it has no sender"
    if suspect:
        return "it is taken for junk"
    mine = {*own, *_plain(action.addresses)}
    address = sender.lower()
    if address in mine:
        return "it comes from the account itself"
    local = address.rpartition("@")[0]
    if (
        local in _MACHINES
        or local.startswith(_BEGINNINGS)
        or local.endswith(_ENDINGS)
    ):  # fmt: skip
        return f"{sender} is no person"
    submitted = (fields.get(b"auto-submitted") or b"no").partition(b";")[0].strip().lower()
    if submitted != b"no":
        return "a machine wrote it"
    if (fields.get(b"precedence") or b"").strip().lower() in _BULK:
        return "it is bulk mail"
    if any(fields.get(name) is not None for name in _LIST_FIELDS):
        return "it came through a mailing list"
    suppress = (fields.get(b"x-auto-response-suppress") or b"").decode("latin-1").lower()
    if _SUPPRESSED & {word.strip() for word in suppress.split(",")}:
        return "its sender wants no answers of machines"
    if not _names(fields, mine):
        return "it is not addressed to the account by name"
    return ""


def _plain(written: Iterable[str]) -> Iterable[str]:
    """Addresses in lower case, without the display names that a script may give them."""
    for text in written:
        for one in addresses.parse_list(text.encode("utf-8", "replace")):
            if isinstance(one, Mailbox):
                yield one.address.lower()


def _names(fields: headers.Headers, mine: set[str]) -> bool:
    for name in _NAMED_IN:
        for value in fields.get_all(name):
            for one in addresses.parse_list(value):
                if isinstance(one, Mailbox) and one.address.lower() in mine:
                    return True
    return False


def once(action: Vacation, sender: str) -> tuple[str, ...]:
    """What is remembered of an answer: what it says, and to whom (RFC 5230 4.2)."""
    handle = action.handle
    if not handle:
        seed = (action.reason, action.subject, action.sender, str(action.mime))
        handle = hashlib.sha256("\0".join(seed).encode("utf-8", "surrogatepass")).hexdigest()
    return (handle, sender.lower())


def author(
    action: Vacation, own: frozenset[str], primary: str, name: str, recipient: str
) -> Mailbox:
    """Whom an answer is from: as the script says if that is the user, else who was written to.

    Args:
        action: As the script wants it.
        own: The addresses of the account.
        primary: The first of them.
        name: Of the account.
        recipient: The address that the message came for.
    """
    if action.sender:
        for one in addresses.parse_list(action.sender.encode("utf-8", "replace")):
            if isinstance(one, Mailbox) and one.address.lower() in own:
                return one
    address = recipient if recipient.lower() in own else primary
    local, _, domain = address.rpartition("@")
    return Mailbox(name, local, domain)
