"""Many sessions on one mailbox against a model of it: no wrong number, no lost flag, no lie.

Every rule is one thing that one client does. What each client was told must name the same
messages by the same numbers as the server does, and once it has asked (NOOP) it must know
the mailbox as the model has it. A client that was away and comes back with QRESYNC must know
it from what SELECT tells alone. `MERPATI_MODEL=long` runs it for some minutes.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.support.imap import Client, serve
from tests.support.server import TestInstance

T = TypeVar("T")
LONG = os.environ.get("MERPATI_MODEL") == "long"
CLIENTS = 4
WHO = st.integers(0, CLIENTS - 1)
FLAGS = st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "$work"])
SIGN = st.sampled_from(["+", "-", ""])
PLACE = st.integers(0, 30)
# What each client has said at its beginning.
KINDS = ("", "ENABLE CONDSTORE", "ENABLE QRESYNC", "ENABLE QRESYNC UIDONLY IMAP4rev2")


class Knowing(Client):
    """A client that also keeps modseqs, and understands VANISHED and UIDFETCH."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.kind = ""
        self.modseq = 0
        self.validity = 0
        self.heard: list[bytes] = []

    @property
    def by_uid(self) -> bool:
        return "UIDONLY" in self.kind

    @property
    def resyncs(self) -> bool:
        return "QRESYNC" in self.kind

    def _learn(self, line: bytes) -> None:
        super()._learn(line)
        self.heard.append(line)
        for pattern in (rb"MODSEQ \((\d+)\)", rb"\[HIGHESTMODSEQ (\d+)\]"):
            for found in re.findall(pattern, line):
                self.modseq = max(self.modseq, int(found))
        if match := re.search(rb"\[UIDVALIDITY (\d+)\]", line):
            self.validity = int(match[1])
        if match := re.match(rb"\* VANISHED (\(EARLIER\) )?([0-9:,]+)", line):
            gone = _expanded(match[2].decode())
            for uid in gone:
                self.flags.pop(uid, None)
            if not match[1]:
                unknown = gone.difference(self.numbers)
                self.numbers = [uid for uid in self.numbers if uid is None or uid not in gone]
                for uid in unknown:  # messages of which only the number was known
                    below = [at for at, one in enumerate(self.numbers, 1) if one and one < uid]
                    at = max(below, default=0)
                    assert self.numbers[at] is None, f"{uid} cannot be there"
                    del self.numbers[at]
        if match := re.match(rb"\* (\d+) UIDFETCH .*FLAGS \(([^)]*)\)", line):
            self.flags[int(match[1])] = " ".join(sorted(match[2].decode().split()))


def _expanded(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _kept(text: str) -> frozenset[str]:
    return frozenset(text.split()) - {"\\Recent"}


class Mailbox(RuleBasedStateMachine):
    """The model: `truth` has the flags of each UID."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.truth: dict[int, frozenset[str]] = {}
        self.next = 1
        self.clients: list[Knowing] = []

    def run(self, work: Awaitable[T]) -> T:
        async def main() -> T:
            async with asyncio.timeout(20):
                return await work

        return self.runner.run(main())

    @initialize(messages=st.integers(0, 8))
    def begin(self, messages: int) -> None:
        async def start() -> None:
            self.instance = await TestInstance(Path(self.folder.name)).__aenter__()
            self.port = serve(self.instance)
            for _ in range(messages):
                await self._deliver()
            for kind in KINDS:
                self.clients.append(await self._connect(kind))

        self.run(start())

    def teardown(self) -> None:
        async def stop() -> None:
            for number in range(len(self.clients)):
                await self._compare(number)
            for client in self.clients:
                await client.close()
            await self.instance.__aexit__(None, None, None)

        try:
            if self.clients:
                self.run(stop())
        finally:
            self.runner.close()
            self.folder.cleanup()

    # What happens

    @rule()
    def deliver(self) -> None:
        self.run(self._deliver())

    @rule(who=WHO)
    def append(self, who: int) -> None:
        self.run(self.clients[who].ok(b"APPEND INBOX (\\Seen) {6+}\r\nA: b\r\n"))
        self._added(frozenset({"\\Seen"}))

    @rule(who=WHO, place=PLACE, more=st.integers(0, 3), sign=SIGN, flag=FLAGS, silent=st.booleans())
    def store(self, who: int, place: int, more: int, sign: str, flag: str, silent: bool) -> None:
        client = self.clients[who]
        named = self._named(client, place, more)
        if named is None:
            return
        prefix, text, uids = named
        item = f"{sign}FLAGS{'.SILENT' if silent else ''}"
        self.run(client.command(f"{prefix}STORE {text} {item} ({flag})"))
        assert client.text.startswith(("OK", "NO [EXPUNGEISSUED]")), client.text
        for uid in uids & self.truth.keys():
            now = self.truth[uid]
            new = {"+": now | {flag}, "-": now - {flag}, "": frozenset({flag})}[sign]
            self.truth[uid] = new
            if silent and uid in client.flags:
                client.flags[uid] = " ".join(sorted(new))

    @rule(who=WHO)
    def expunge(self, who: int) -> None:
        self.run(self.clients[who].ok("EXPUNGE"))
        self._removed({uid for uid, flags in self.truth.items() if "\\Deleted" in flags})

    @rule(who=WHO, place=PLACE, more=st.integers(0, 2))
    def move(self, who: int, place: int, more: int) -> None:
        client = self.clients[who]
        named = self._named(client, place, more)
        if named is not None:
            self.run(client.command(f"{named[0]}MOVE {named[1]} Archive"))
            assert client.text.startswith(("OK", "NO [EXPUNGEISSUED]")), client.text
            self._removed(named[2] & self.truth.keys())

    @rule(who=WHO, place=PLACE)
    def copy(self, who: int, place: int) -> None:
        client = self.clients[who]
        named = self._named(client, place, 0)
        if named is not None:
            self.run(client.command(f"{named[0]}COPY {named[1]} INBOX"))
            for uid in sorted(named[2] & self.truth.keys()):
                self._added(self.truth[uid])

    @rule(who=WHO, place=PLACE)
    def read(self, who: int, place: int) -> None:
        """FETCH holds EXPUNGE back, and must mean the messages that the client means."""
        client = self.clients[who]
        named = self._named(client, place, 1)
        if named is not None:
            before = list(client.numbers)
            self.run(client.command(f"{named[0]}FETCH {named[1]} (UID FLAGS)"))
            if not named[0]:
                now = client.numbers[: len(before)]
                assert len(now) == len(before), "told of an EXPUNGE"
                learned = [new for old, new in zip(before, now, strict=True) if old]
                assert learned == [old for old in before if old], "told of an EXPUNGE"
            for uid in named[2] & self.truth.keys():
                assert _kept(client.flags[uid]) == self.truth[uid]

    @rule(who=WHO)
    def search(self, who: int) -> None:
        client = self.clients[who]
        found = self.run(client.ok("UID SEARCH RETURN (ALL) DELETED"))
        line = next(line for line in found if line.startswith(b"* ESEARCH"))
        match = re.search(rb" ALL ([0-9:,]+)", line)
        uids = _expanded(match[1].decode()) if match else set()
        wanted = {uid for uid, flags in self.truth.items() if "\\Deleted" in flags}
        assert uids & self.truth.keys() <= wanted

    @rule(who=WHO)
    def ask(self, who: int) -> None:
        self.run(self._compare(who))

    @precondition(lambda self: bool(self.clients))
    @rule(who=st.sampled_from([2, 3]))
    def come_back(self, who: int) -> None:
        """Go away, and be told by SELECT what has happened since (RFC 7162 3.2.5)."""

        async def work() -> None:
            old = self.clients[who]
            await self._compare(who)
            await old.close()
            await self._change_meanwhile()
            new = await self._connect(old.kind, old)
            self.clients[who] = new
            assert {uid: _kept(flags) for uid, flags in new.flags.items()} == self.truth

        self.run(work())

    # How it is done

    async def _deliver(self) -> None:
        uid = await self.instance.deliver(b"Subject: hi\r\n\r\nhello\r\n")
        assert uid == self.next
        self._added(frozenset())

    async def _change_meanwhile(self) -> None:
        """Another client adds, changes and removes one message each."""
        await self._deliver()
        other = await Client.connect(self.port, mailbox="INBOX")
        uids = sorted(self.truth)
        await other.ok(f"UID STORE {uids[0]} +FLAGS (\\Answered)")
        self.truth[uids[0]] |= {"\\Answered"}
        if len(uids) > 1:
            await other.ok(f"UID MOVE {uids[len(uids) // 2]} Archive")
            self._removed({uids[len(uids) // 2]})
        await other.close()

    async def _connect(self, kind: str, known: Knowing | None = None) -> Knowing:
        client = await Knowing.connect(self.port)
        assert isinstance(client, Knowing)
        client.kind = kind
        if kind:
            await client.ok(kind)
        if known is None:
            await client.ok("SELECT INBOX")
            await self._fetch_all(client)
            return client
        client.heard = []
        await client.ok(f"SELECT INBOX (QRESYNC ({known.validity} {known.modseq}))")
        client.flags = self._merged(known, client)
        await self._fetch_all(client, keep=True)
        return client

    @staticmethod
    def _merged(known: Knowing, told: Knowing) -> dict[int, str]:
        """What a client knows that had a cache and was told what changed."""
        gone: set[int] = set()
        for line in told.heard:
            if match := re.match(rb"\* VANISHED \(EARLIER\) ([0-9:,]+)", line):
                gone |= _expanded(match[1].decode())
        kept = {uid: flags for uid, flags in known.flags.items() if uid not in gone}
        return {**kept, **told.flags}

    async def _fetch_all(self, client: Knowing, *, keep: bool = False) -> None:
        """Learn which number is which message, and its flags unless they are known."""
        flags = dict(client.flags)
        if client.numbers:
            items = "(FLAGS)" if not keep else "(UID)"
            await client.ok(f"UID FETCH 1:* {items}")
        if keep:
            client.flags = flags

    async def _compare(self, who: int) -> None:
        client = self.clients[who]
        await client.ok("NOOP")
        assert len(client.numbers) == len(self.truth)
        uids = sorted(self.truth)
        known = [uid for uid in client.numbers if uid is not None]
        assert known == [uid for uid, there in zip(uids, client.numbers, strict=True) if there]
        told = {uid: _kept(flags) for uid, flags in client.flags.items()}
        assert told == {uid: self.truth[uid] for uid in told}
        if client.numbers:
            await client.ok("UID FETCH 1:* (FLAGS)")
        told = {uid: _kept(flags) for uid, flags in client.flags.items()}
        assert told == self.truth
        if not client.by_uid:
            assert client.numbers == uids

    def _named(self, client: Knowing, place: int, more: int) -> tuple[str, str, set[int]] | None:
        """How a client names some messages, and which it means; None when it knows none."""
        uids = sorted(client.flags) if client.by_uid else client.numbers
        if not uids:
            return None
        first = place % len(uids)
        last = min(first + more, len(uids) - 1)
        meant = {uid for uid in uids[first : last + 1] if uid is not None}
        if client.by_uid:
            return "UID ", ",".join(map(str, sorted(meant))), meant
        if len(meant) <= last - first:
            return None  # it has not learned yet which message has this number
        return "", f"{first + 1}:{last + 1}", meant

    def _added(self, flags: frozenset[str]) -> None:
        self.truth[self.next] = flags
        self.next += 1

    def _removed(self, uids: set[int]) -> None:
        for uid in uids:
            del self.truth[uid]


TestModel = Mailbox.TestCase
TestModel.settings = settings(
    max_examples=300 if LONG else 4,
    stateful_step_count=80 if LONG else 25,
    deadline=None,
    phases=[Phase.generate, *([Phase.shrink] if LONG else [])],
    suppress_health_check=list(HealthCheck),
    database=None,
)
