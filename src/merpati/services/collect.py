"""The collector: mail that arrives elsewhere is fetched into mailboxes here.

A message goes the way of all mail that arrives (`accept`): the account's forwards and Sieve
script see it, and its trace begins. It was judged when it came to the other server, whose word is
taken (SPF of the hop between us would mean nothing), and its Received fields stay.

It is remembered by its unique-id or UID in the transaction that makes it durable here, and removed
there after that: wherever a crash comes, the message is neither lost nor fetched twice.

A box for a whole domain (multi-drop) is taken apart by `wire/multidrop.py`; what names nobody,
or nobody who is here, goes to the account that answers for the box.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.model.arrival import Arrival, Origin, Route
from merpati.net.imap_link import ImapLink
from merpati.net.pop3_client import Pop3Client
from merpati.net.reaper import Reaper
from merpati.net.remote import Account, Remote
from merpati.services.accept import Accept
from merpati.services.route import Router
from merpati.services.sealing import Sealing
from merpati.store import collector, directory, remote
from merpati.store.blobs import Spool
from merpati.store.collector import Collector
from merpati.store.engine import Store, Transaction
from merpati.store.remote import RemoteMessage
from merpati.wire import multidrop, trace
from merpati.wire.mbox import RETURN_PATH
from merpati.wire.smtp.paths import parse_address

LOOK_EVERY: Final = 15.0  # seconds between two looks at what is due
PARALLEL: Final = 4  # mailboxes at once in each worker
MESSAGES_MAX: Final = 1000  # of one look; more wait for the next, which comes at once
LOST_MAX: Final = 10  # messages over which a POP3 server ended the session, in one look
RETRY_MAX: Final = 6 * 3600  # seconds; the longest wait after failures
DAY: Final = 86_400_000  # milliseconds
# Faults after which a message is left where it is, and not fetched again.
LEFT: Final = frozenset({Kind.DENIED, Kind.LOOP, Kind.NOT_FOUND, Kind.SYNTAX, Kind.TOO_LARGE})


class Look(msgspec.Struct):
    """What one look at a mailbox has come to."""

    taken: int = 0
    left: list[str] = []  # why messages were left there
    lost: dict[str, str] = {}  # messages that the server would not give, and its words
    more: bool = False  # there are more than `MESSAGES_MAX`
    ended: bool = False  # the server has ended a session over a message


class Collect:
    """Fetches for one worker."""

    def __init__(
        self, store: Store, accept: Accept, router: Router, sealing: Sealing, reaper: Reaper,
        clock: Clock, log: Log, authority: str = "",
    ) -> None:  # fmt: skip
        """`authority` is a PEM file with whom to believe instead of the system's authorities."""
        self._store = store
        self._accept = accept
        self._router = router
        self._sealing = sealing
        self._reaper = reaper
        self._clock = clock
        self._log = log
        self._authority = authority

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(LOOK_EVERY, self.turn, "collector")

    async def turn(self) -> int:
        """Look at all that are due, a few at once; how many those were."""
        ids = await self._store.read(collector.due, self._now(), 100)
        turns = asyncio.Semaphore(PARALLEL)

        async def one(collector_id: int) -> None:
            async with turns:
                claimed = await self._store.write(collector.claim, collector_id, self._now())
                if claimed is not None:
                    await self.look(claimed)

        await asyncio.gather(*map(one, ids))
        return len(ids)

    async def look(self, one: Collector) -> Look:
        """Fetch what is new, and note how it went."""
        look = Look()
        problem = ""
        try:
            await self._look(one, look)
        except Fault as fault:
            problem = fault.text
        now = self._now()
        if problem:
            wait = min(one.every * 2 ** min(one.failures + 1, 16), max(RETRY_MAX, one.every))
            await self._store.write(collector.failed, one.id, problem, now + wait * 1000)
            self._log.warning("collector.failed", collector=one.id, problem=problem)
            return look
        wait = 0 if look.more else one.every
        if look.lost:
            said = next(iter(look.lost.values()))
            problem = f"{len(look.lost)} messages cannot be had there, and are tried again: {said}"
            self._log.warning("collector.lost", collector=one.id, problem=problem)
        await self._store.write(collector.done, one.id, now, now + wait * 1000, problem)
        if look.taken or look.left:
            self._log.info("collector.done", collector=one.id, taken=look.taken, left=look.left[:5])
        return look

    async def _look(self, one: Collector, look: Look) -> None:
        server = Remote(one.host, one.port, one.security, one.verify, self._authority)
        password = self._sealing.open(one.password, one.purpose).reveal()
        account = Account(one.name, password)
        if one.protocol == "imap":
            await self._look_imap(one, look, await ImapLink.connect(server, account, self._reaper))
            return
        while not await self._look_pop3(
            one, look, await Pop3Client.connect(server, account, self._reaper)
        ):
            pass

    async def _look_pop3(self, one: Collector, look: Look, client: Pop3Client) -> bool:
        """False when the server has ended the session over a message; it is not asked for again."""
        try:
            there = await client.unique_ids()
            box = await self._box(one, 0, [name for _, name in there])
            for number, name in there:
                if name in box.known or name in look.lost:
                    continue
                if look.taken == MESSAGES_MAX:
                    look.more = True
                    break
                spool = self._begin()
                try:
                    if await _fetched(client, number, name, spool, look):
                        await self._take(one, look, name, box, spool)
                    elif look.ended:
                        return False
                finally:
                    spool.discard()
            ripe = box.ripe(one.keep_days, self._now())
            for number, name in there:
                if name in ripe:
                    await client.mark(number)
            await client.quit()
        finally:
            client.abort()
        return True

    async def _look_imap(self, one: Collector, look: Look, link: ImapLink) -> None:
        try:
            selected = await link.select(one.folder.encode(), read_only=one.keep_days < 0)
            there = await link.client.survey() if selected.exists else []
            uids = [
                each.uid for each in there if each.uid and rb"\Deleted" not in (each.flags or ())
            ]
            box = await self._box(one, selected.uidvalidity, [str(uid) for uid in uids])
            fresh = [uid for uid in uids if str(uid) not in box.known]
            look.more = len(fresh) > MESSAGES_MAX
            lost: dict[int, str] = {}
            async for message, spool in link.fetch(fresh[:MESSAGES_MAX], self._begin, lost):
                try:
                    await self._take(one, look, str(message.uid), box, spool)
                finally:
                    spool.discard()
            look.lost = {str(uid): said for uid, said in lost.items()}
            ripe = box.ripe(one.keep_days, self._now())
            await link.client.remove([uid for uid in uids if str(uid) in ripe])
        finally:
            await link.close()

    async def _box(self, one: Collector, uidvalidity: int, names: Sequence[str]) -> _Box:
        """What is known of a mailbox; what is there no longer is forgotten."""
        opened = await self._store.write(
            remote.open_folder, one.account_id, one.source, one.folder, uidvalidity, 0
        )
        known = await self._store.scan(remote.messages, one.account_id, opened.id)
        there = set(names)
        gone = [name for name in known if name not in there]
        if gone:
            await self._store.write_long(remote.forget, one.account_id, opened.id, gone)
        return _Box(opened.id, {name: each for name, each in known.items() if name in there})

    def _begin(self) -> Spool:
        _, spool = self._accept.begin()
        return spool

    async def _take(self, one: Collector, look: Look, name: str, box: _Box, spool: Spool) -> None:
        """Deliver a message and remember it, in one transaction: a crash fetches nothing twice."""
        trace_id, unused = self._accept.begin()
        unused.discard()
        now = self._now()
        taken = RemoteMessage(name, 0, "", now)

        async def remember(tx: Transaction) -> None:
            await _remember(tx, one, box.id, taken, now)

        try:
            arrival = await self._arrival(one, spool)
            await self._accept.take(trace_id, spool, arrival, remember)
        except Fault as fault:
            if fault.kind not in LEFT:
                raise
            taken = RemoteMessage(name, -1, "", now)
            look.left.append(f"{name}: {fault.text}")
            await self._store.write(remember)
        box.known[name] = taken
        look.taken += 1

    async def _arrival(self, one: Collector, spool: Spool) -> Arrival:
        """Whose a message is, and how it came; its Return-Path becomes the sender."""
        head = bytes(spool.content()[: trace.HOPS_SCAN_LIMIT])
        end = head.find(b"\r\n\r\n")
        path = RETURN_PATH.search(head, 0, end + 2 if end >= 0 else len(head))
        sender = ""
        if path is not None:
            sender = path[1].decode("utf-8", "replace")
            await spool.prepend(b"", [path.span()])
        origin = Origin(
            peer=one.host if one.host[:1].isdigit() else "", helo=one.host,
            protocol=one.protocol.upper(),
            tls_version="" if one.security == "none" else "TLS", trusted=True,
        )  # fmt: skip
        return Arrival(_address(sender), await self._routes(one, head), origin)

    async def _routes(self, one: Collector, head: bytes) -> tuple[Route, ...]:
        owner = await self._store.read(directory.account_by_id, one.account_id)
        if owner is None:
            raise Fault(Kind.CONFIG, "the account is gone; remove this collector")
        routes = []
        for address in multidrop.recipients(head, one.domain) if one.domain else ():
            try:
                routes.append(await self._router.route(parse_address(address), relay=False))
            except Fault:  # nobody here: the owner gets it
                continue
        return tuple(routes) or (
            await self._router.route(parse_address(owner.address), relay=False),
        )

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


class _Box:
    """What is here of a mailbox there."""

    def __init__(self, folder_id: int, known: dict[str, RemoteMessage]) -> None:
        self.id = folder_id
        self.known = known

    def ripe(self, keep_days: int, now: int) -> set[str]:
        """What is to be removed there now; never what could not be delivered."""
        if keep_days < 0:
            return set()
        before = now - keep_days * DAY
        return {name for name, one in self.known.items() if one.uid == 0 and one.seen_at <= before}


async def _fetched(client: Pop3Client, number: int, name: str, spool: Spool, look: Look) -> bool:
    """Whether a message came; `look` has the server's words otherwise.

    Raises:
        Fault: NO_SPACE, which is ours; what ended the session, when that was too often.
    """
    try:
        await client.fetch(number, spool)
    except Fault as fault:
        look.ended = fault.kind is not Kind.NOT_FOUND
        if fault.kind is Kind.NO_SPACE or (look.ended and len(look.lost) >= LOST_MAX):
            raise
        look.lost[name] = fault.text
        return False
    return True


async def _remember(
    tx: Transaction, one: Collector, folder_id: int, taken: RemoteMessage, now: int
) -> None:
    await remote.remember(tx, one.account_id, folder_id, [taken])
    await collector.prolong(tx, one.id, now, 1 if taken.uid == 0 else 0)


def _address(sender: str) -> str:
    """A sender that mail can be sent to; else the null path."""
    try:
        return str(parse_address(sender)) if sender else ""
    except Fault:
        return ""
