"""GENURLAUTH, URLFETCH, RESETKEY: messages that others may fetch by a URL (RFC 4467).

The token of a URL is a keyed hash of all that stands before it. The key is the user's own for
that mailbox and never leaves the store, so nobody else can make tokens, and a new key makes
all old URLs void. Whoever fetches sees what the user who gave the URL may see then, no more.
"""

from __future__ import annotations

import hmac
from typing import Final

import msgspec

from merpati.base.secrets import same
from merpati.model import rights as letters
from merpati.servers.imap.client import Client, Done, no_mailbox
from merpati.servers.imap.content import Content, Found, within
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.linked import BadUrl, is_own, piece, read, row_of
from merpati.store import directory, places, url_keys
from merpati.store.engine import Row, Transaction
from merpati.wire.imap import names, strings, structure, urls
from merpati.wire.imap.fetch import Text
from merpati.wire.imap.urlauth import (
    INTERNAL,
    GenUrlAuth,
    ResetKey,
    UrlFetch,
    UrlParameter,
    Wanted,
    genurlauth,
    urlmech,
)
from merpati.wire.imap.urls import Access, ImapUrl, Permit
from merpati.wire.mime import section, transfer, tree

KEY_SIZE: Final = 32  # bytes
ALGORITHM: Final = "01"  # before each token: HMAC-SHA-256, so that another can follow
FOREIGN: Final = "only your own view of this server's messages can be given away"
VAGUE: Final = "that could be a user of any domain here; name yourself by your address"


async def generate(client: Client, command: GenUrlAuth) -> Done:
    """GENURLAUTH: URLs with tokens."""
    made = []
    for text, mechanism in command.urls:
        if mechanism != INTERNAL:
            raise Refused("the only mechanism is INTERNAL", urlmech())
        url = read(text)
        if url.permit is None or url.permit.token or not (url.host and url.user):
            raise BadUrl(text, "that is no URL with URLAUTH that lacks only its token")
        if not is_own(client, url, client.account):
            raise BadUrl(text, FOREIGN)
        if "@" not in url.user and url.host != client.account.partition("@")[2]:
            raise BadUrl(text, VAGUE)
        key = await client.services.store.write(
            _key, client.account_id, url.mailbox, client.services.ids.bytes(KEY_SIZE)
        )
        made.append(urls.authorised(text, INTERNAL, _token(key, text)))
    client.connection.write(genurlauth(made))
    return Done("GENURLAUTH completed")


async def reset(client: Client, command: ResetKey) -> Done:
    """RESETKEY: what was given away is void."""
    if any(mechanism != INTERNAL for mechanism in command.mechanisms):
        raise Refused("the only mechanism is INTERNAL", urlmech())
    await client.services.store.write(_reset, client.account_id, command.mailbox)
    return Done("RESETKEY completed", None if command.mailbox is None else urlmech())


async def fetch(client: Client, command: UrlFetch) -> Done:
    """URLFETCH: what the URLs name, NIL for one that may not be fetched."""
    for wanted in command.urls:
        connection = client.connection
        connection.deadline(client.services.settings.message_timeout)
        found = await _allowed(client, wanted.url)
        connection.write(b"* URLFETCH " + strings.astring(wanted.url))
        if found is None:
            connection.write(b" NIL")
        elif not wanted.parameters:
            connection.write(b" ")
            await _send(client, *found[:2])
        else:
            await _Extended(client, wanted, *found).send()
        connection.write(b"\r\n")
        await connection.drain()
    return Done("URLFETCH completed")


async def _allowed(client: Client, text: bytes) -> tuple[Content, Found, ImapUrl] | None:
    """What a URL names, if its token is right and lets this client have it."""
    try:
        url = read(text)
    except BadUrl:
        return None
    permit = url.permit
    if permit is None or not permit.token or not _may_use(client, permit):
        return None
    row = await client.services.store.read(_granted, client.services.hostname.lower(), url)
    found = None if row is None else piece(client, row, url)
    return None if found is None else (*found, url)


def _may_use(client: Client, permit: Permit) -> bool:
    """Whether the URL was meant for this client, now (RFC 4467 3)."""
    if permit.mechanism != INTERNAL:
        return False
    if permit.expires is not None and permit.expires <= client.services.clock.now():
        return False
    if permit.access is Access.USER:
        local, _, domain = client.account.partition("@")
        user, at, home = permit.user.lower().partition("@")
        return user == local and (not at or home == domain)
    return permit.access is not Access.SUBMIT  # nobody here is a submission server


def _token(key: bytes, rump: bytes) -> str:
    return ALGORITHM + hmac.digest(key, rump, "sha256").hex()


async def _key(tx: Transaction, user_id: int, path: str, fresh: bytes) -> bytes:
    """The user's key for a mailbox, made if need be. Raises Fault NOT_FOUND, DENIED."""
    place = await places.get(tx, user_id, names.canonical(path), letters.READ)
    return await url_keys.make(tx, place.account_id, place.mailbox.id, user_id, fresh)


async def _reset(tx: Transaction, user_id: int, path: str | None) -> None:
    if path is None:
        await url_keys.forget_all(tx, user_id)
        return
    place = await places.find(tx, user_id, path)
    if place is None:
        raise no_mailbox(path)
    await url_keys.forget(tx, place.account_id, place.mailbox.id, user_id)


async def _granted(tx: Transaction, hostname: str, url: ImapUrl) -> Row | None:
    """The message of a URL whose token is right, as the user who gave it sees it."""
    permit = url.permit
    address = url.user if "@" in url.user else f"{url.user}@{url.host}"
    giver = await directory.find_account(tx, address)
    if giver is None or permit is None or giver.disabled:
        return None
    if url.host not in {hostname, giver.address.partition("@")[2]}:
        return None
    place = await places.find(tx, giver.id, names.canonical(url.mailbox))
    if place is None:
        return None
    key = await url_keys.get(tx, place.account_id, place.mailbox.id, giver.id)
    if key is None or not same(_token(key, url.rump).encode(), permit.token):
        return None
    return await row_of(tx, giver.id, url)


async def _send(client: Client, content: Content, found: Found) -> None:
    """The bytes as a literal."""
    size = len(found) if isinstance(found, bytes) else found[1] - found[0]
    client.connection.write(b"{%d}\r\n" % size)
    async for part in content.pieces(found):
        await _written(client, part.replace(b"\0", b"\x80") if b"\0" in part else part)


async def _written(client: Client, part: bytes) -> None:
    client.connection.write(part)
    client.connection.deadline(client.services.settings.message_timeout)
    await client.connection.drain()


class _Extended:
    """An answer with parameters: structure first, then the bytes (RFC 5524 3)."""

    def __init__(
        self, client: Client, wanted: Wanted, content: Content, found: Found, url: ImapUrl
    ) -> None:
        self._client = client
        self._wanted = wanted.parameters
        self._content = content
        self._found = found
        self._url = url
        self._is_part = url.section.text is Text.ALL  # else it is a header or the like

    async def send(self) -> None:
        write = self._client.connection.write
        part = self._encoded() if UrlParameter.BINARY in self._wanted else None
        index = None
        if part is not None:
            index = await self._content.survey(part, self._client.indexes)
        if UrlParameter.BODYPARTSTRUCTURE in self._wanted:
            write(b" (BODYPARTSTRUCTURE %b)" % self._structure(index))
        if UrlParameter.BODY in self._wanted:
            write(b" (BODY ")
            await _send(self._client, self._content, self._found)
            write(b")")
        if UrlParameter.BINARY not in self._wanted:
            return
        if part is None or index is None:
            write(b" (BINARY NIL)")
            return
        start, end = 0, index.size
        if self._url.partial is not None:
            start, end = within((start, end), self._url.partial)
        write(b" (BINARY %b{%d}\r\n" % (b"~" if index.has_nul else b"", end - start))
        async for data in self._content.decoded(part, index, self._url.partial):
            await _written(self._client, data)
        write(b")")

    def _encoded(self) -> tree.Part | None:
        """What is to be decoded, None when it is no part or nobody knows how."""
        if not self._is_part:
            return None
        try:
            return self._content.encoded(self._url.section.part)
        except Refused:
            return None

    def _structure(self, index: transfer.Index | None) -> bytes:
        """BODYPARTSTRUCTURE; of what is sent decoded, as it is then."""
        tree_ = self._content.structure
        part = section.find(tree_, self._url.section.part) if self._is_part else None
        if part is None:
            return b"NIL"
        if index is not None and not part.children:
            encoding = "binary" if index.has_nul else "7bit" if index.is_ascii else "8bit"
            end = part.body_start + index.size
            part = msgspec.structs.replace(part, encoding=encoding, body_end=end, lines=0)
        return structure.bodystructure(part, self._content.raw)
