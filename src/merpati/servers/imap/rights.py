"""Which command needs which right where: the table of RFC 4314 4, and those of later RFCs.

Commands that name a mailbox ask for it with what `needed` says; for those that act on the
selected one, the session checks `SELECTED` before it obeys. Own mailboxes pass both always.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.servers.imap import rows
from merpati.servers.imap.legal import LEGAL, Refused
from merpati.servers.imap.legal import SELECTED as STATES_SELECTED
from merpati.store import places, rights
from merpati.store.engine import Transaction
from merpati.store.places import Place
from merpati.wire.imap import acl, commands, finding, quota, responses

if TYPE_CHECKING:
    from merpati.servers.imap.client import Client
    from merpati.servers.imap.view import View

# In the mailbox that the command names.
NAMED: Final[dict[type[commands.Command], str]] = {
    commands.Select: letters.READ,
    commands.Status: letters.READ,
    commands.Delete: letters.DELETE,
    commands.Rename: letters.DELETE,
    commands.Subscribe: letters.LOOKUP,
    commands.Append: letters.INSERT,
    commands.Copy: letters.INSERT,
    commands.Move: letters.INSERT,
    acl.SetAcl: letters.ADMINISTER,
    acl.DeleteAcl: letters.ADMINISTER,
    acl.GetAcl: letters.ADMINISTER,
    acl.ListRights: letters.ADMINISTER,
    quota.GetQuotaRoot: letters.READ,  # RFC 9208 4.1.2
}
# In the mailbox above one that is to be made.
ABOVE: Final[dict[type[commands.Command], str]] = {
    commands.Create: letters.CREATE,
    commands.Rename: letters.CREATE,
}
# In the selected mailbox. STORE, and what sets flags beside its main work (FETCH, APPEND,
# COPY), need one of them for each flag, and leave a flag alone that they may not change.
SELECTED: Final[dict[type[commands.Command], str]] = {
    commands.Expunge: letters.EXPUNGE,
    commands.Move: letters.DELETE_MESSAGES + letters.EXPUNGE,  # RFC 6851 4.4
    commands.Replace: letters.DELETE_MESSAGES + letters.EXPUNGE,  # RFC 8508 3.1
}
FREE: Final = frozenset({commands.Close, commands.Unselect})  # may always leave
# All that act on the selected mailbox. The others go on when its rights are gone.
ACTING: Final = frozenset({
    finding.MultiSearch, *(kind for kind, states in LEGAL.items() if states == STATES_SELECTED),
}) - FREE  # fmt: skip


async def target(tx: Transaction, user_id: int, path: str) -> Place:
    """The mailbox to put messages into.

    Raises:
        Fault: with TRYCREATE (RFC 3501 6.3.11, 7.1) when there is none that the user may know
            of; DENIED.
    """
    needed = NAMED[commands.Append]  # as of COPY and MOVE
    found = await places.find(tx, user_id, path)
    if found is None or {letters.LOOKUP, needed}.isdisjoint(found.rights):
        raise Refused("there is no such mailbox; create it first", responses.TRYCREATE)
    found.require(needed)
    return found


async def check(client: Client, command: commands.Command) -> None:
    """Refuse a command that the rights in the selected mailbox, another's, do not allow.

    They are read again, since they may have changed since it was selected.

    Raises:
        Fault: DENIED.
    """
    if type(command) not in ACTING:
        return
    held = await _held(client, client.selected)
    missing = letters.without(letters.READ + SELECTED.get(type(command), ""), held)
    if missing:
        raise Fault(Kind.DENIED, f"that takes the right {missing!r} in this mailbox")


async def still_readable(client: Client) -> bool:
    """Whether the selected mailbox, which is another's, may still be read."""
    return letters.READ in await _held(client, client.selected)


async def may_expunge(client: Client) -> bool:
    """Whether CLOSE may expunge, which may always leave and so was not checked (RFC 4314 4)."""
    view = client.selected
    held = view.rights
    if view.account_id != client.account_id:
        held = await _held(client, view)
    return not letters.without(letters.READ + SELECTED[commands.Expunge], held)


async def _held(client: Client, view: View) -> str:
    """What may be done in the selected mailbox now; the client is told what of it is new."""
    held = await client.services.store.read(
        rights.held, view.account_id, view.mailbox_id, client.account_id
    )
    if held != view.rights:
        view.rights = held
        if letters.READ not in held:
            return held
        client.connection.write(permanent_flags(view))
    return held


def permanent_flags(view: View) -> bytes:
    """Which flags may be changed in the selected mailbox (RFC 4314 5.1.1)."""
    return _permanent_flags("" if view.read_only else view.rights)


@lru_cache(maxsize=64)
def _permanent_flags(may: str) -> bytes:
    keywords = [keyword for keyword in rows.USUAL if letters.for_keyword(keyword) in may]
    code = responses.permanentflags(keywords, new=letters.WRITE in may)
    return responses.untagged(responses.Condition.OK, "flags that are kept", code)
