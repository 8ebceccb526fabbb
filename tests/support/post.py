"""An installation that also sends: `TestInstance` with a queue runner, a DNS server and sinks.

    async with Post(tmp_path) as post:
        sink = await post.sink("there.test")
        trace = await post.send(ANA, "bob@there.test")
        await post.work()
        assert sink.messages

Every sink listens on the same port of its own loopback address. The clock stands still, so
what is due is decided by `post.time.advance(...)` alone.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from pathlib import Path
from typing import Final, Self

import msgspec

from merpati.base.log import Level, Log, Sink
from merpati.base.tasks import Tasks
from merpati.model.account import Account
from merpati.model.arrival import (
    NO_OPTIONS,
    NO_RECIPIENT_OPTIONS,
    Arrival,
    Options,
    Origin,
    RecipientOptions,
)
from merpati.model.event import Event
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.net.dns import Resolver
from merpati.services import expand
from merpati.services.accept import QueueSettings
from merpati.services.bounce import Bounce
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.forward import Seals, Unsealed
from merpati.services.info import InfoSettings
from merpati.services.list_delivery import ListSettings
from merpati.services.outbound import OutboundSettings, QueueRunner
from merpati.services.outcome import Recorder
from merpati.services.route import EXPAND
from merpati.services.transport import Routes
from merpati.store import blobs, emails, events, queue
from merpati.store.engine import Topic
from merpati.wire.smtp.paths import parse_address
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer
from tests.support.server import HOSTNAME, TestInstance
from tests.support.smtp_sink import ESMTP, SmtpSink

LETTER: Final = b"From: ana@example.org\r\nSubject: hi\r\n\r\nhello\r\n"
# Too large for a row: it lies in a file.
LARGE: Final = b"Subject: large\r\n\r\n" + b"0123456789abcd\r\n" * (blobs.INLINE_MAX // 16 + 64)
WAIT: Final = 60.0  # seconds for the lanes of one round


class Post(TestInstance):
    """A whole mail system whose world is this process."""

    def __init__(
        self,
        folder: Path,
        *,
        outbound: OutboundSettings | None = None,
        settings: QueueSettings | None = None,
    ) -> None:
        self.time = FakeClock()
        super().__init__(folder, clock=self.time)
        self.dns = DnsServer()
        self.outbound = outbound or OutboundSettings(linger=0)
        self.settings = settings or QueueSettings()
        self.seals: Seals = Unsealed()
        self.strict_domains: set[str] = set()  # whose DMARC policy is to refuse mail by others
        self._sinks: list[SmtpSink] = []
        self._port = 0
        self._log_file = os.open(folder / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.log = Log(Sink(self.clock, fd=self._log_file, level=Level.INFO))
        self.tasks = Tasks(self.log, self.ids)
        self.notify.listen(Topic.DIRECTORY, 0, self.router.forget)
        await self.dns.start()
        self.resolver = Resolver([self.dns.nameserver], self.clock, timeout=PATIENT, attempts=1)
        await self._reserve()
        self.bounce = Bounce(
            self.accept, self.router, self.blobs, self.clock, self.ids, HOSTNAME, "en"
        )
        self.recorder = Recorder(
            self.store, self.blobs, self.bounce, self.clock, self.ids, self.settings, self.metrics,
            self.outbound.suppress_for,
        )  # fmt: skip
        self.deliver_here = Deliver(self.store, self.blobs, self.router, self.recorder, self.clock)
        self.expand = expand.assemble(
            store=self.store, blob_store=self.blobs, router=self.router, accept=self.accept,
            recorder=self.recorder, clock=self.clock, ids=self.ids, hostname=HOSTNAME,
            seals=self.seals, author_rule=self.author_rule, list_settings=ListSettings(),
            info_settings=InfoSettings(), queue_settings=self.settings,
        )  # fmt: skip
        self.courier = Courier(
            self.store, self.blobs, self.resolver, self.reaper, HOSTNAME, self._port,
            random.Random(1), self.clock,
            routes=Routes(self.outbound.routes, self.outbound.credentials),
            sources=self.outbound.sources,
        )  # fmt: skip
        self.runner = self.worker("worker-1")
        self.accept.taker = self.expand.forward.taker = self.runner
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.tasks.stop(5)
        for sink in self._sinks:
            await sink.stop()
        await self.resolver.close()
        await self.dns.stop()
        await super().__aexit__(*problem)
        os.close(self._log_file)

    def worker(self, name: str) -> QueueRunner:
        """A queue runner over this store, as each worker process has one."""
        return QueueRunner(
            name, self.store, self.courier, self.deliver_here, self.recorder, self.clock,
            self.outbound, self.tasks, self.log, steps={EXPAND: self.expand.serve},
        )  # fmt: skip

    async def author_rule(self, domain: str) -> bool:
        """Stands in for a look-up of DMARC policies."""
        return domain in self.strict_domains

    async def _reserve(self) -> None:
        """A port that every sink can have on its own address."""
        probe = SmtpSink(host="127.0.0.1")
        await probe.start()
        self._port = probe.port
        await probe.stop()

    async def sink(
        self,
        domain: str = "",
        *,
        host: str = "127.0.0.1",
        preference: int = 10,
        tls: ssl.SSLContext | None = None,
        extensions: tuple[str, ...] = ESMTP,
    ) -> SmtpSink:
        """A server that takes mail for a domain, published in the DNS."""
        sink = SmtpSink(host=host, tls=tls, extensions=extensions)
        sink.port = self._port
        await sink.start()
        self._sinks.append(sink)
        if domain:
            self.publish(domain, host, preference)
        return sink

    def publish(self, domain: str, host: str = "127.0.0.1", preference: int = 10) -> None:
        """One exchanger for a domain, at a loopback address."""
        name = f"mx.{domain}."
        self.dns.set(domain, "MX", f"{preference} {name}")
        self.dns.set(name, "A", host)

    async def send(
        self,
        sender: str,
        *recipients: str,
        message: bytes = LETTER,
        account: Account | None = None,
        smtputf8: bool = False,
        options: Options = NO_OPTIONS,
        wishes: RecipientOptions = NO_RECIPIENT_OPTIONS,
    ) -> str:
        """Take a message over as a server does; gives its trace id."""
        routes = tuple([
            msgspec.structs.replace(
                await self.router.route(parse_address(each), relay=True), options=wishes
            )
            for each in recipients
        ])  # fmt: skip
        origin = Origin(
            peer="192.0.2.9",
            helo="client.test",
            protocol="ESMTP",
            account_id=account.id if account else 0,
            account=account.address if account else "",
        )
        trace, spool = self.accept.begin()
        spool.add(message)
        await self.accept.take(trace, spool, Arrival(sender, routes, origin, smtputf8, options))
        return trace

    async def work(self, runner: QueueRunner | None = None) -> None:
        """Serve all that is due now, to its end."""
        runner = runner or self.runner
        async with asyncio.timeout(WAIT):
            while await runner.round() or runner.lanes:  # noqa: ASYNC110 -- lanes come and go
                await asyncio.sleep(0.001)

    # What came of it

    async def queued(self) -> list[tuple[QueueMessage, list[QueueRecipient]]]:
        """The queue."""
        return await self.store.read(queue.listing)

    async def waiting(self) -> list[QueueRecipient]:
        """Everyone in the queue."""
        return [one for _, recipients in await self.queued() for one in recipients]

    async def steps(self, trace: str) -> list[Event]:
        """The trace of a message."""
        return await self.store.read(events.of_trace, trace)

    async def kinds(self, trace: str) -> list[str]:
        """What happened to a message, in order."""
        return [step.kind.value for step in await self.steps(trace)]

    async def inbox(self, account: Account) -> list[bytes]:
        """The messages in an account's INBOX."""
        uids = await self.store.read(emails.uids_of, account.id, 1)
        rows = await self.store.read(emails.fetch, account.id, 1, uids, ("uid", "blob_id"))
        found = []
        for row in rows:
            stored = await self.store.read(blobs.find, row[1])
            assert stored is not None
            found.append(bytes(self.blobs.read(stored)))
        return found

    async def notices(self, account: Account) -> list[bytes]:
        """The delivery status notifications in an account's INBOX."""
        return [each for each in await self.inbox(account) if b"multipart/report" in each]

    def files(self) -> list[Path]:
        """Every file of the blob store, spooled ones too."""
        return [path for path in (self.folder / "blobs").rglob("*") if path.is_file()]

    def logged(self) -> str:
        """The log so far."""
        return (self.folder / "log").read_text()
