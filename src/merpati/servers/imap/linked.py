"""What a URL names: for CATENATE (RFC 4469), and for URLFETCH, where its token allows it."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.model import rights as letters
from merpati.servers.imap import content
from merpati.servers.imap.client import Client
from merpati.servers.imap.content import Content, Found
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.rights import still_readable
from merpati.store import emails, mailboxes, places
from merpati.store.engine import Row, Transaction
from merpati.wire.imap import names, responses, urls
from merpati.wire.imap.urls import ImapUrl


class BadUrl(Refused):
    """A URL that names nothing that can be taken (RFC 4469 4)."""

    def __init__(self, url: bytes, text: str) -> None:
        super().__init__(text, responses.badurl(url))


def read(text: bytes) -> ImapUrl:
    """A URL that a client gave. Raises BadUrl."""
    try:
        return urls.parse(text)
    except SyntaxFault as fault:
        raise BadUrl(text, fault.text) from fault


async def linked(client: Client, text: bytes) -> tuple[Content, Found]:
    """The message that a URL names, and the piece of it.

    Raises:
        BadUrl: there is none, it is somewhere else, or the client may not read it.
        Fault: CORRUPT.
    """
    url = read(text)
    if url.permit is not None:
        raise BadUrl(text, "a URL with a token is for URLFETCH")
    if url.host and not is_own(client, url, client.account):
        raise BadUrl(text, "only messages of this server, and your own view of it")
    store = client.services.store
    if url.mailbox:
        row = await store.read(row_of, client.account_id, url)
    elif client.view is not None:
        if client.view.account_id != client.account_id and not await still_readable(client):
            raise BadUrl(text, "the selected mailbox may not be read any more")
        row = await store.read(_row, client.view.account_id, client.view.mailbox_id, url)
    else:
        raise BadUrl(text, "no mailbox is selected that the URL could mean")
    if row is None:
        raise BadUrl(text, "there is no such message")
    found = piece(client, row, url)
    if found is None:
        raise BadUrl(text, "the message has no such part")
    return found


def is_own(client: Client, url: ImapUrl, account: str) -> bool:
    """Whether a URL with a host leads here, to what the user with this address sees."""
    local, _, domain = account.partition("@")
    if url.host not in {client.services.hostname.lower(), domain}:
        return False
    return not url.user or url.user.lower() == account or url.user.lower() == local


def piece(client: Client, row: Row, url: ImapUrl) -> tuple[Content, Found] | None:
    """What a URL names of the message whose row was found. Raises Fault CORRUPT."""
    message = Content(client.services.blob_store, row)
    found = message.section(url.section, url.partial)
    return None if found is None else (message, found)


async def row_of(tx: Transaction, user_id: int, url: ImapUrl) -> Row | None:
    """The `content.COLUMNS` of the message that a URL with a mailbox names, as a user sees it."""
    place = await places.find(tx, user_id, names.canonical(url.mailbox))
    if place is None or letters.READ not in place.rights:
        return None
    return await _row(tx, place.account_id, place.mailbox.id, url)


async def _row(tx: Transaction, account_id: int, mailbox_id: int, url: ImapUrl) -> Row | None:
    mailbox = await mailboxes.counters(tx, account_id, mailbox_id)
    if mailbox is None or url.uidvalidity not in {0, mailbox.uidvalidity}:
        return None
    found = await emails.fetch(tx, account_id, mailbox_id, [url.uid], ("uid", *content.COLUMNS))
    return found[0][1:] if found else None
