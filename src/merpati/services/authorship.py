"""Under which addresses an account may send, and whether its messages keep to them.

The envelope is checked where it is given; From and Sender in one place for every way in, when
the message is taken over (`services/accept.py`). A colleague's name is worth more to a thief
than any other: mail under it is signed by us and passes every check elsewhere. So each address
in From, and the one in Sender, has to belong to the account.

A message that is sent on (RFC 5322 3.6.6) keeps the From of whoever wrote it, and says in
Resent-From who sends it now. That is let pass for writers at home elsewhere, whose own domains
protect them; else one more line would open what is closed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind
from merpati.model.senders import Senders
from merpati.services.route import AddressSettings
from merpati.store import directory, members
from merpati.store.engine import Store, Transaction
from merpati.store.members import Send
from merpati.wire.mime import addresses, headers
from merpati.wire.mime.author import Doubt, author

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Sequence

    from merpati.model.account import Account

DENIED: Final = "5.7.1"  # RFC 3463 3.8: delivery not authorized
EVERYONE: Final = "*"
HEADER_MAX: Final = headers.MAX_BYTES
# Headers that do not say the same to all who read them.
_UNCLEAR: Final = frozenset({Doubt.REPEATED, Doubt.HEADER, Doubt.SYNTAX})


async def senders_of(tx: Transaction, account: Account, settings: AddressSettings) -> Senders:
    """The addresses of an account, those it was lent, and aliases that lead to it alone."""
    own = await directory.addresses(tx, account.id)
    others = await members.senders(tx, account.id)
    behalf = {address for address, how in others.items() if how is Send.BEHALF}
    known = {*own, *await directory.sole_aliases(tx, own)}
    domain = account.address.rpartition("@")[2]
    free = {EVERYONE, account.address.lower(), f"@{domain}"}
    return Senders(
        account=account.address,
        own=frozenset({*known, *others}),
        behalf=frozenset(behalf - known),
        separator=settings.separator,
        any_author=any(one.lower() in free for one in settings.any_author),
    )


async def check(store: Store, content: bytes | mmap.mmap, senders: Senders, envelope: str) -> bytes:
    """Whether a message is from whom its sender may write as; the Sender field it lacks, if any.

    Args:
        store: Asked which domains are at home here, for a message that is sent on.
        content: The message with CRLF line ends.
        senders: Of the account that sends it.
        envelope: The return path; empty: the null path.

    Raises:
        Fault: DENIED.
    """
    fields = headers.split(content, end=min(len(content), HEADER_MAX)).fields
    named = _boxes(fields, b"sender")
    authors = _boxes(fields, b"from")
    if not senders.any_author:
        _check_clear(content, fields)
        foreign = [one for one in (*authors, *named) if not senders.may(one.address)]
        if foreign and not await _sent_on(store, fields, foreign, senders):
            text = f"{foreign[0].address or 'the name in From'} is not an address of"
            raise Fault(Kind.DENIED, f"From and Sender: {text} {senders.account}", DENIED)
    lent = [one.address for one in authors if senders.must_be_named(one.address)]
    if not lent and not senders.must_be_named(envelope):
        return b""
    if not named:
        return f"Sender: {senders.account}\r\n".encode()
    if lent and any(senders.must_be_named(one.address) for one in named):
        raise Fault(Kind.DENIED, f"Sender of a message from {lent[0]} is {senders.account}", DENIED)
    return b""


def _check_clear(content: bytes | mmap.mmap, fields: Sequence[headers.Field]) -> None:
    """Raises Fault DENIED for a From that mail programs read differently."""
    if sum(field.key == b"sender" for field in fields) > 1:
        raise Fault(Kind.DENIED, "the message has more than one Sender field", DENIED)
    found = author(content)
    if found.doubt in _UNCLEAR:
        raise Fault(Kind.DENIED, f"it is not clear who the message is from: {found.reason}", DENIED)


async def _sent_on(
    store: Store, fields: Sequence[headers.Field], foreign: Iterable[addresses.Mailbox],
    senders: Senders,
) -> bool:  # fmt: skip
    """Whether the account sends on, and says so, what was written elsewhere."""
    now = _resent_last(fields)
    if not now or not all(senders.may(one.address) for one in now):
        return False
    domains = {one.domain.lower() for one in foreign}
    if "" in domains:
        return False

    async def unit(tx: Transaction) -> bool:
        return not any([await directory.home(tx, one) for one in domains])

    return await store.read(unit)


def _resent_last(fields: Sequence[headers.Field]) -> list[addresses.Mailbox]:
    """Who sent it on last: the topmost Resent-From and Resent-Sender (RFC 5322 3.6.6)."""
    found: dict[bytes, list[addresses.Mailbox]] = {}
    for field in fields:
        if field.key in {b"resent-from", b"resent-sender"} and field.key not in found:
            found[field.key] = _read(field)
    return [*found.get(b"resent-from", ()), *found.get(b"resent-sender", ())]


def _boxes(fields: Iterable[headers.Field], key: bytes) -> list[addresses.Mailbox]:
    return [one for field in fields if field.key == key for one in _read(field)]


def _read(field: headers.Field) -> list[addresses.Mailbox]:
    found = addresses.parse_list(field.raw_value)
    return [one for one in found if isinstance(one, addresses.Mailbox)]
