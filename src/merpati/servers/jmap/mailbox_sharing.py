"""`shareWith` of mailboxes (RFC 9670 4.2), over the one list of rights that IMAP changes, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from merpati.model import rights as letters
from merpati.servers.jmap import principal
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.mailbox_view import ADMIN, RIGHTS, rights_object
from merpati.store import rights, share_notifications
from merpati.wire.jmap.faults import wrong
from merpati.wire.jmap.values import is_id

if TYPE_CHECKING:
    from merpati.store.engine import Transaction


def is_sharing(value: Any) -> bool:
    """Principals with rights, or null."""
    return value is None or (
        isinstance(value, dict)
        and all(map(is_id, value))
        and all(
            isinstance(held, dict)
            and held.keys() <= {*RIGHTS, ADMIN}
            and all(isinstance(may, bool) for may in held.values())
            for held in value.values()
        )
    )


def told(shared: Mapping[int, str]) -> dict[str, Any] | None:
    """With whom a mailbox is shared; null when with nobody."""
    who = {principal.principal_id(one): rights_object(held) for one, held in shared.items()}
    return who or None


async def grants(
    tx: Transaction,
    call: Call,
    access: Access,
    before: Mapping[int, str],
    wanted: Mapping[str, Any] | None,
) -> dict[int, str]:
    """The rights that are to be, by subject, so that a mailbox is shared with exactly these.

    Raises:
        SetFault: invalidProperties for somebody whom the user does not know.
    """
    there = await principal.known(tx, call.user) if wanted else {}
    found = dict.fromkeys(before, letters.NONE)
    for id_, may in (wanted or {}).items():
        subject = principal.read_principal(id_)
        if subject is None or subject == access.account_id or subject not in {**there, **before}:
            raise wrong(f"a mailbox cannot be shared with {id_[:100]!r}", "shareWith")
        found[subject] = _letters(may)
    if len(found) > rights.ENTRIES_MAX:
        text = f"a mailbox is shared with {rights.ENTRIES_MAX} at most"
        raise wrong(text, "shareWith")
    return {one: held for one, held in found.items() if held != before.get(one)}


async def put(
    tx: Transaction, call: Call, access: Access, mailbox_id: int, grants: Mapping[int, str]
) -> None:
    """Share a mailbox so; those whom that concerns are told."""
    for subject, held in grants.items():
        await share_notifications.grant(
            tx, access.account_id, mailbox_id, subject, held, call.user.id, call.now()
        )


def _letters(may: Mapping[str, bool]) -> str:
    given = "".join(RIGHTS[name] for name in RIGHTS if may.get(name))
    if may.get(ADMIN):
        given += letters.ADMINISTER
    return letters.canonical(given)
