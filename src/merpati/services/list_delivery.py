"""Giving a post of a mailing list to its members, in batches.

Each batch is one transaction: copies for mailboxes here, a queue entry for everybody else,
and a note of how far it has come. A crash between two batches goes on with the next one,
so nobody is left out and nobody gets two.

Every member elsewhere has a return path of their own, so that what comes back names who it
was for whatever it says, and a link of their own to leave by, with our signature over it
(RFC 8058 4). Both stand in a few fields that the queue keeps beside the one stored post.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.settings import setting
from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.model.mailing_list import Audience, Joining, MailingList, Posting, Replies, Role
from merpati.model.message import Digest
from merpati.model.queue import HERE, QueueMessage, QueueRecipient
from merpati.services.digest import digest
from merpati.services.forward import Seals, Then, keep, whole
from merpati.services.route import Leads, Router
from merpati.store import blobs, directory, emails, events, lists, queue
from merpati.store.blobs import BlobStore, Body
from merpati.store.engine import Store, Transaction
from merpati.store.lists import Reached
from merpati.wire import list_headers, trace
from merpati.wire.list_headers import Facts, ListFields
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.smtp.paths import parse_address

BATCH: Final = 50  # members served in one transaction
PERSONAL_MAX: Final = 256 * 1024  # bytes of a post that is signed for each member by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """Mailing lists."""

    unsubscribe_url: str = setting(
        "",
        "Where members leave with one click (RFC 8058); a token is put behind it.",
        example="https://mail.example.org/lists/leave/",
    )
    bounces: int = setting(
        5, "Suspend a member from whom mail came back on so many days.", minimum=1
    )

    def __post_init__(self) -> None:
        if self.unsubscribe_url and not self.unsubscribe_url.startswith("https://"):
            raise ValueError("unsubscribe_url must begin with https:// (RFC 8058 3.1).")


# Whether a domain demands that mail in its name fails when others send it (DMARC).
AuthorRule = Callable[[str], Awaitable[bool]]


class Copy(msgspec.Struct, frozen=True):
    """What one member gets, and how."""

    reached: Reached
    leads: Leads | None  # None: it leads nowhere any more
    prefix: str = ""


class Edition(msgspec.Struct):
    """A post as it is given out."""

    one: MailingList
    shared: Body  # for mailboxes here, and for everybody when the post is large
    digest: Digest
    domains: tuple[str, ...]  # that sign what leaves
    personal: Body | None = None  # without a way to leave, which the prefix adds
    text: bytes = b""  # of `personal`, as it is sent


class ListDelivery:
    """Gives posts out."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        router: Router,
        clock: Clock,
        seals: Seals,
        author_rule: AuthorRule,
        settings: ListSettings,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._router = router
        self._clock = clock
        self._seals = seals
        self._author_rule = author_rule
        self._settings = settings

    async def give_out(
        self, one: MailingList, message: QueueMessage, recipient: QueueRecipient, facts: Facts,
        content: bytes | mmap.mmap, after: int, then: Then,
    ) -> None:  # fmt: skip
        """Give a post to everybody after a member; the queue entry ends with the last batch.

        `then` happens in the transaction of that one.
        """
        edition = await self._edition(one, facts, content, is_own=message.is_own)
        batch: list[Reached] | None = None
        try:
            while batch is None or len(batch) == BATCH:
                batch = await self._store.read(lists.audience, one, after, BATCH)
                copies = [await self._copy(edition, each) for each in batch]
                if any(copy.prefix for copy in copies) and edition.personal is None:
                    edition.personal = await keep(
                        self._blobs, _return_line(one, self._router.separator), edition.text
                    )
                last = len(batch) < BATCH
                if not await self._store.write(
                    self._give, edition, message, recipient, copies, after, then if last else None
                ):
                    return
                after = batch[-1].id if batch else after
        finally:
            await self._discard(edition)

    async def _discard(self, edition: Edition) -> None:
        """Remove files that no row names: other bytes were stored, or nobody got any."""
        for body in (edition.shared, edition.personal):
            if body is not None and body.location:
                where = await self._store.read(_location, body.hash)
                if where != body.location:
                    self._blobs.remove(body.location)

    async def _edition(
        self, one: MailingList, facts: Facts, content: bytes | mmap.mmap, *, is_own: bool
    ) -> Edition:
        """The post with the list's fields at its top; `is_own`: one of ours has written it."""
        separator = self._router.separator
        boxes, dropped = [], set(list_headers.DROPPED)
        top = list_headers.delivered_to(one.address)
        if await self._is_rewritten(facts, is_own=is_own):
            author = facts.author or Mailbox("", one.local, one.domain)
            dropped.add(b"from")
            top += list_headers.author_via(author, one.title, one.local, one.domain)
            boxes = [facts.author] if facts.author is not None else []
        if one.replies is Replies.LIST:
            boxes = [Mailbox("", one.local, one.domain), *boxes]
            dropped.add(b"reply-to")
        header, start = list_headers.without(content, frozenset(dropped))
        if boxes and (one.replies is Replies.LIST or b"\nreply-to:" not in b"\n" + header.lower()):
            top += list_headers.reply_to(boxes)
        fields = _fields(one)
        rest = await whole(header, content, start)
        leave = one.role_address(Role.UNSUBSCRIBE)
        shared = list_headers.render(fields, token_free=leave) + top + rest
        line = _return_line(one, separator)
        domains = await self._domains(one, facts, is_own=is_own)
        large = len(rest) > PERSONAL_MAX
        if large:  # a signature for each member would cost too much
            shared = await self._sealed(one, shared)
            shared = await self._signatures(domains, shared) + shared
        now = int(self._clock.now() * 1000)
        found = await asyncio.to_thread(digest, line + shared, now)
        edition = Edition(one, await keep(self._blobs, line, shared), found, domains)
        if not large:
            edition.text = await self._sealed(one, list_headers.render(fields) + top + rest)
        return edition

    async def _is_rewritten(self, facts: Facts, *, is_own: bool) -> bool:
        """Whether From must name the list: the author's domain refuses mail by others.

        So it must when the author's domain is ours and nobody was signed in: what we sign we
        vouch for.
        """
        if facts.author is None:
            return True
        try:
            path = parse_address(facts.author.address)
            if not await self._store.read(self._router.destination, facts.author.address):
                return not is_own
            return await self._author_rule(path.ascii_domain())
        except Fault:
            return True

    async def _domains(self, one: MailingList, facts: Facts, *, is_own: bool) -> tuple[str, ...]:
        """Who signs what leaves: the list's domain, and the author's when it is ours too."""
        if is_own and facts.author is not None:
            domain = facts.author.domain.lower()
            home = await self._store.read(directory.home, domain)
            if home is not None and domain != one.domain:
                return one.domain, domain
        return (one.domain,)

    async def _sealed(self, one: MailingList, text: bytes) -> bytes:
        return await self._seals.seal(one.domain, text) + text

    async def _signatures(self, domains: Sequence[str], text: bytes) -> bytes:
        return b"".join([await self._seals.sign(domain, text) for domain in domains])

    async def _copy(self, edition: Edition, reached: Reached) -> Copy:
        """How one member is served. Elsewhere: with a way to leave, and our signature over it."""
        one = edition.one
        try:
            path = parse_address(reached.address)
            leads = await self._store.read(self._router.leads, path)
        except Fault:
            return Copy(reached, None)
        if not leads.elsewhere or not edition.text:
            return Copy(reached, leads)
        address = one.role_address(Role.UNSUBSCRIBE, reached.token, self._router.separator)
        url = self._settings.unsubscribe_url
        own = list_headers.unsubscribe(address, url + reached.token if url else "")
        signatures = await self._signatures(edition.domains, own.encode() + edition.text)
        await asyncio.sleep(0)  # signing takes the loop 0.7 ms, and a store read never waits
        return Copy(reached, leads, signatures.decode() + own)

    async def _give(
        self, tx: Transaction, edition: Edition, message: QueueMessage, recipient: QueueRecipient,
        copies: Sequence[Copy], after: int, then: Then | None,
    ) -> bool:  # fmt: skip
        """One batch, and with the last one what is done `then`.

        False when another worker has been at it.
        """
        one = edition.one
        came = await lists.progress(tx, message.id, recipient.n)
        if came is None or came[1] != after:
            return False
        accounts: dict[int, Reached] = {}
        sent: list[Copy] = []
        for copy in copies:
            leads = copy.leads
            if leads is not None and not leads.is_step and not leads.elsewhere:
                for account_id in leads.accounts:
                    accounts.setdefault(account_id, copy.reached)
            elif leads is None or leads.list_id != one.id:
                sent.append(copy)
        if one.archive_id and not after and one.archive_id not in accounts:
            accounts[one.archive_id] = Reached(0, one.address, "")
        sent += await self._place(tx, edition, message, accounts)
        await self._queue(tx, edition, message, sent)
        if then is not None:
            await lists.end_progress(tx, message.id, recipient.n)
            await queue.finish(tx, message.id, [recipient.n])
            await then(tx)
        else:
            await lists.set_progress(tx, message.id, recipient.n, copies[-1].reached.id)
        return True

    async def _place(
        self, tx: Transaction, edition: Edition, message: QueueMessage, accounts: dict[int, Reached]
    ) -> list[Copy]:
        """Copies for mailboxes here; gives those without room, which are to wait."""
        if not accounts:
            return []
        now = int(self._clock.now() * 1000)
        placements = [emails.Placement(account_id, INBOX_ID) for account_id in accounts]
        added = await emails.add(tx, edition.shared, edition.digest, placements, now)
        await events.record(
            tx,
            [
                Event(message.trace, now, EventKind.DELIVERED, accounts[one.account_id].address,
                      one.account_id, {"mailbox": "INBOX", "uid": one.uid})
                for one in added.placed
            ],
        )  # fmt: skip
        full = [accounts[account_id] for account_id in added.refused]
        return [Copy(reached, None) for reached in full if reached.id]  # the archive has no id

    async def _queue(
        self, tx: Transaction, edition: Edition, message: QueueMessage, copies: Sequence[Copy]
    ) -> None:
        """A queue entry for each of these, under a return path that names the member."""
        now = int(self._clock.now() * 1000)
        steps = []
        for body in (edition.shared, edition.personal):
            some = [copy for copy in copies if bool(copy.prefix) is (body is edition.personal)]
            if body is None or not some:
                continue
            blob_id, _ = await blobs.insert(tx, body, len(some))
            for copy in some:
                address = copy.reached.address
                destination = copy.leads.elsewhere if copy.leads is not None else HERE
                sender = edition.one.role_address(
                    Role.BOUNCES, copy.reached.token, self._router.separator
                )
                await queue.add(
                    tx, trace=message.trace, blob_id=blob_id, sender=sender,
                    account_id=0 if destination else message.account_id,  # a list may ask who
                    smtputf8=message.smtputf8, received_at=message.received_at,
                    expires_at=message.expires_at, warn_at=0, prefix=copy.prefix,
                    recipients=[(address, destination)], options=message.options,
                    is_own=message.is_own and not destination,  # else it is signed already
                )  # fmt: skip
                detail = {"destination": destination or "here", "sender": sender}
                steps.append(
                    Event(message.trace, now, EventKind.QUEUED, address, message.account_id, detail)
                )
        await events.record(tx, steps)


async def _location(tx: Transaction, content_hash: bytes) -> str | None:
    found: str | None = await tx.value("SELECT location FROM blob WHERE hash = $1", content_hash)
    return found


def _return_line(one: MailingList, separator: str) -> bytes:
    address = one.role_address(Role.BOUNCES, "", separator)
    return trace.return_path(parse_address(address))


def _fields(one: MailingList) -> ListFields:
    return ListFields(
        title=one.title,
        list_id=one.list_id,
        help=one.role_address(Role.REQUEST),
        post="" if one.posting is Posting.OWNERS else one.address,
        owner=one.role_address(Role.OWNER),
        subscribe=one.role_address(Role.SUBSCRIBE)
        if one.joining is not Joining.CLOSED and one.audience is Audience.NAMED
        else "",
    )
