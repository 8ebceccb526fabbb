"""The collector: mail that arrives elsewhere is fetched into mailboxes here.

A message goes the way of all mail that arrives (`accept`): the account's forwards and Sieve
script see it, and its trace begins. It was judged when it came to the other server, whose word is
taken (SPF of the hop between us would mean nothing), and its Received fields stay.

It is remembered by its unique-id or UID in the transaction that makes it durable here, and removed
there after that: wherever a crash comes, the message is neither lost nor fetched twice. Its hash
tells that it is here when its server calls it otherwise one day; two that have the same name at
once (RFC 1939 7 allows it) are two messages.

What cannot be had is tried again, after longer and longer waits, and keeps back no other.

A box for a whole domain (multi-drop) is taken apart by `wire/multidrop.py`; what names nobody,
or nobody who is here, goes to the account that answers for the box.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
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
from merpati.store.blobs import Spool, content_hash
from merpati.store.collector import Collector
from merpati.store.engine import Store, Transaction
from merpati.store.remote import NOT_HERE, Known, RemoteMessage
from merpati.wire import multidrop, trace
from merpati.wire.mbox import RETURN_PATH
from merpati.wire.smtp.paths import parse_address

LOOK_EVERY: Final = 15.0  # seconds between two looks at what is due
PARALLEL: Final = 4  # mailboxes at once in each worker
HOLD_EVERY: Final = 240.0  # seconds after which a look that goes on says so; a lease has 900
MESSAGES_MAX: Final = 1000  # of one look; more wait for the next, which comes at once
LOST_MAX: Final = 10  # messages over which a POP3 server ended the session, in one look
RETRY_MAX: Final = 6 * 3600  # seconds; the longest wait after failures
LOST_RETRY_MAX: Final = 24 * 3600  # seconds; the longest wait for a message that cannot be had
DAY: Final = 86_400_000  # milliseconds
# Faults after which a message is left where it is, and not fetched again.
LEFT: Final = frozenset({Kind.DENIED, Kind.LOOP, Kind.SYNTAX, Kind.TOO_LARGE})


class Look(msgspec.Struct):
    """What one look at a mailbox has come to."""

    taken: int = 0
    left: list[str] = []  # why messages were left there
    in_vain: int = 0  # messages that were tried, and that the server would not give
    lost: list[RemoteMessage] = []  # all that it has not given yet, of this look or another
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
        """Begin; ends with the tasks. A mailbox that takes long keeps no more than its turn."""
        for _ in range(PARALLEL):
            tasks.every(LOOK_EVERY, self.turn, "collector")

    async def turn(self) -> int:
        """Look at all that are due, one after the other; how many those were."""
        count = 0
        for collector_id in await self._store.read(collector.due, self._now(), 100):
            claimed = await self._store.write(collector.claim, collector_id, self._now())
            if claimed is not None:
                await self.look(claimed)
                count += 1
        return count

    async def look(self, one: Collector) -> Look:
        """Fetch what is new, and note how it went."""
        look = Look()
        problem = ""
        holding = asyncio.create_task(self._hold(one))
        try:
            await self._look(one, look)
        except collector.Changed:
            return look
        except Fault as fault:
            problem = fault.text
            if fault.kind is Kind.AUTH_FAILED:
                problem += (
                    f"; a new password is set with: merpati collector set {one.id} --password"
                )
        finally:
            holding.cancel()
        now = self._now()
        if problem:
            wait = min(one.every * 2 ** min(one.failures + 1, 16), max(RETRY_MAX, one.every))
            await self._store.write(collector.failed, one.id, problem, now + wait * 1000)
            self._log.warning("collector.failed", collector=one.id, problem=problem)
            return look
        wait = 0 if look.more else one.every
        if look.lost:
            said = max(look.lost, key=lambda lost: lost.seen_at).problem
            problem = f"{len(look.lost)} messages cannot be had there, and are tried again: {said}"
        if look.in_vain:
            self._log.warning("collector.lost", collector=one.id, problem=problem)
        await self._store.write(collector.done, one.id, now, now + wait * 1000, problem)
        if look.taken or look.left:
            self._log.info("collector.done", collector=one.id, taken=look.taken, left=look.left[:5])
        return look

    async def _hold(self, one: Collector) -> None:
        """Keep a mailbox from other workers, however long a message takes."""
        while True:
            await asyncio.sleep(HOLD_EVERY)
            with suppress(Fault):
                await self._store.write(collector.prolong, one, self._now(), 0)

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
        """False when the server has ended the session over a message, and others are waiting."""
        try:
            there = _told_apart(await _listed(client))
            box = await self._box(one, 0, list(there))
            for name in box.fresh(list(there), one.every, self._now()):
                if look.taken == MESSAGES_MAX:
                    look.more = True
                    break
                spool = self._begin()
                try:
                    problem = await _problem_of(client, there[name], spool)
                    if problem is None:
                        await self._take(one, look, name, box, spool)
                        continue
                finally:
                    spool.discard()
                await self._lose(one, look, name, box, problem.text)
                if problem.kind is not Kind.NOT_FOUND:
                    return look.in_vain >= LOST_MAX
            ripe = box.ripe(one.keep_days, self._now())
            await _remove(client, [there[name] for name in ripe])
            await self._end(one, look, box, ripe)
        finally:
            client.abort()
        return True

    async def _look_imap(self, one: Collector, look: Look, link: ImapLink) -> None:
        try:
            try:
                selected = await link.select(one.folder.encode(), read_only=one.keep_days < 0)
            except Fault as fault:
                text = f"its folder {one.folder} cannot be opened: {fault.text}"
                raise Fault(fault.kind, text) from fault
            there = await link.client.survey() if selected.exists else []
            box = await self._box(one, selected.uidvalidity, [str(each.uid) for each in there])
            names = [
                str(each.uid) for each in there
                if each.uid and rb"\Deleted" not in (each.flags or ())
            ]  # fmt: skip
            fresh = list(map(int, box.fresh(names, one.every, self._now())))
            look.more = len(fresh) > MESSAGES_MAX
            lost: dict[int, str] = {}
            try:
                async for message, spool in link.fetch(
                    sorted(fresh[:MESSAGES_MAX]), self._begin, lost
                ):
                    try:
                        await self._take(one, look, str(message.uid), box, spool)
                    finally:
                        spool.discard()
            finally:
                for uid, said in lost.items():
                    await self._lose(one, look, str(uid), box, said)
            ripe = box.ripe(one.keep_days, self._now())
            try:
                await link.client.remove(sorted(map(int, ripe)))
            except Fault as fault:
                text = f"what is here already could not be removed there: {fault.text}"
                raise Fault(fault.kind, text) from fault
            await self._end(one, look, box, ripe)
        finally:
            await link.close()

    async def _box(self, one: Collector, uidvalidity: int, names: Sequence[str]) -> _Box:
        """What is known of a mailbox."""
        opened = await self._store.write(
            remote.open_folder, one.account_id, one.source, one.folder, uidvalidity, 0
        )
        return _Box(
            opened.id, await self._store.scan(remote.messages, one.account_id, opened.id), names
        )

    async def _end(self, one: Collector, look: Look, box: _Box, removed: Sequence[str]) -> None:
        """Forget what is there no longer, once it cannot come back under another name.

        What was removed there is known by its name alone: another message may be its like.
        """
        look.lost = [each for each in box.here.values() if each.tries]
        if removed:
            plain = [msgspec.structs.replace(box.here[name], hash=b"") for name in removed]
            await self._store.write_long(remote.remember, one.account_id, box.id, plain)
        if box.gone and not (look.more or look.lost):
            await self._store.write_long(remote.forget, one.account_id, box.id, list(box.gone))

    def _begin(self) -> Spool:
        _, spool = self._accept.begin()
        return spool

    async def _take(self, one: Collector, look: Look, name: str, box: _Box, spool: Spool) -> None:
        """Deliver a message and remember it, in one transaction: a crash fetches nothing twice."""
        trace_id, unused = self._accept.begin()
        unused.discard()
        now = self._now()
        look.taken += 1
        found = await asyncio.to_thread(content_hash, spool.content())
        old = box.called_otherwise(found, name)
        if old is not None:
            await self._store.write(remote.rename, one.account_id, box.id, [(old, name)])
            return
        taken = RemoteMessage(name, 0, "", now, found)

        async def remember(tx: Transaction) -> None:
            if not await remote.take(tx, one.account_id, box.id, taken):
                raise Fault(Kind.EXISTS, "another look has fetched it")
            await collector.prolong(tx, one, now, 1)

        try:
            arrival = await self._arrival(one, spool)
            await self._accept.take(trace_id, spool, arrival, remember)
        except Fault as fault:
            if fault.kind in LEFT:
                taken = RemoteMessage(name, NOT_HERE, "", now, found, problem=fault.text)
                look.left.append(f"{name}: {fault.text}")
                await self._note(one, box, taken)
            elif fault.kind is not Kind.EXISTS:
                raise
        box.here[name] = taken

    async def _lose(self, one: Collector, look: Look, name: str, box: _Box, said: str) -> None:
        """The server would not give a message; it may later."""
        before = box.here.get(name)
        tries = before.tries + 1 if before is not None else 1
        box.here[name] = RemoteMessage(name, NOT_HERE, "", self._now(), tries=tries, problem=said)
        look.in_vain += 1
        look.lost = [each for each in box.here.values() if each.tries]
        await self._note(one, box, box.here[name])

    async def _note(self, one: Collector, box: _Box, found: RemoteMessage) -> None:
        async def unit(tx: Transaction) -> None:
            await remote.remember(tx, one.account_id, box.id, [found])
            await collector.prolong(tx, one, self._now(), 0)

        await self._store.write(unit)

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


class _Box(Known):
    """What is known of a mailbox."""

    def __init__(
        self, folder_id: int, rows: dict[str, RemoteMessage], names: Sequence[str]
    ) -> None:
        super().__init__(rows, names)
        self.id = folder_id

    def fresh(self, names: Sequence[str], every: int, now: int) -> list[str]:
        """Which of these are to be fetched: what is new, then what is to be tried again by now."""
        new = [name for name in names if name not in self.here]
        again = []
        for name in names:
            one = self.here.get(name)
            if one is not None and one.tries:
                wait = min(every * 2 ** min(one.tries, 16), max(LOST_RETRY_MAX, every))
                if one.seen_at + wait * 1000 <= now:
                    again.append(name)
        return new + again

    def ripe(self, keep_days: int, now: int) -> list[str]:
        """What is to be removed there now; never what could not be delivered."""
        if keep_days < 0:
            return []
        before = now - keep_days * DAY
        return [name for name, one in self.here.items() if one.uid == 0 and one.seen_at <= before]


def _told_apart(listed: Sequence[tuple[int, str]]) -> dict[str, int]:
    """Numbers by unique-id; of several messages that have the same, the others get a number."""
    found: dict[str, int] = {}
    times: Counter[str] = Counter()
    for number, name in listed:
        times[name] += 1
        found[name if times[name] == 1 else f"{name} {times[name]}"] = number
    return found


async def _listed(client: Pop3Client) -> list[tuple[int, str]]:
    try:
        return await client.unique_ids()
    except Fault as fault:
        if fault.kind is not Kind.UNSUPPORTED:
            raise
        text = f"it gives no unique-ids (UIDL), which a collector needs: {fault.text}"
        raise Fault(Kind.UNSUPPORTED, text) from fault


async def _remove(client: Pop3Client, numbers: Sequence[int]) -> None:
    """Have messages removed there, and leave."""
    try:
        for number in numbers:
            await client.mark(number)
        await client.quit()
    except Fault as fault:
        if numbers:  # else nobody cares how it ends
            text = f"what is here already could not be removed there: {fault.text}"
            raise Fault(fault.kind, text) from fault


async def _problem_of(client: Pop3Client, number: int, spool: Spool) -> Fault | None:
    """Why a message did not come. Raises Fault NO_SPACE, which is ours."""
    try:
        await client.fetch(number, spool)
    except Fault as fault:
        if fault.kind is Kind.NO_SPACE:
            raise
        return fault
    return None


def _address(sender: str) -> str:
    """A sender that mail can be sent to; else the null path."""
    try:
        return str(parse_address(sender)) if sender else ""
    except Fault:
        return ""
