"""A whole installation for tests: real store, blobs, sign-in, certificate and listeners.

    async with TestInstance(tmp_path) as instance:
        await instance.deliver(b"Subject: hi\r\n\r\nhello\r\n")
        port = instance.listen(lambda connection: Session(connection, ...))

Whoever tests a protocol builds its `Services` from the instance's attributes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self

from argon2 import PasswordHasher

from merpati.base.clock import Clock, SystemClock
from merpati.base.faults import Fault
from merpati.base.ids import SystemIds
from merpati.base.log import Level, Log, Sink
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.model.account import Account
from merpati.model.mailbox import INBOX_ID
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import CertificateFiles, CertificateStore, make_self_signed
from merpati.services.accept import Accept, QueueSettings
from merpati.services.digest import digest
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.login import Login, LoginSettings, hash_password
from merpati.services.notify import Notify
from merpati.services.route import AddressSettings, Router
from merpati.store import directory, emails
from merpati.store.blobs import BlobStore
from tests.support import store as stores

DOMAIN = "example.org"
HOSTNAME = "mail.example.org"
ANA = "ana@example.org"
BUDI = "budi@example.org"
PASSWORD = "secret"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Runs(Protocol):
    """What every session is to its listener."""

    async def run(self) -> None: ...


@cache
def password_hash(password: str) -> str:
    """What is stored for a password, made once and so that checking it costs 0.1 ms, not 35.

    What a check costs stands in the hash itself (RFC 9106), the code is the same.
    """
    scram_keys = hash_password(password).partition(" ")[2]
    return f"{QUICK.hash(password.encode())} {scram_keys}"


@cache
def _certificate() -> tuple[bytes, bytes]:
    return make_self_signed([HOSTNAME, "localhost"], SystemClock().now())


class TestInstance:
    """One installation in a folder, with accounts `ANA` and `BUDI`, password `PASSWORD`.

    Attributes are what `app/wiring.py` makes: store, blobs, notify, login, router, accept,
    certificates, clock, ids, tasks, log, metrics, reaper, gate.
    """

    __test__ = False  # not a test, whatever its name says

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock: Clock = clock or SystemClock()
        self.ids = SystemIds(self.clock)
        self.metrics = Metrics()
        self.addresses = AddressSettings()  # to change before it begins
        self._listeners: list[Listener] = []

    async def __aenter__(self) -> Self:
        folder, clock, ids = self.folder, self.clock, self.ids
        self.log = Log(Sink(clock, level=Level.ERROR))
        self.tasks = Tasks(self.log, ids)
        self.reaper = Reaper(0.05)
        self.gate = Gate(10_000, 10_000)
        self.store = await stores.sqlite(folder)
        self.notify = Notify()
        self.store.on_commit(self.notify.committed)
        self.limits = HourlyLimits(self.clock, self.notify)
        self.blobs = BlobStore(folder / "blobs", ids)
        self.login = Login(self.store, clock, ids, LoginSettings(), self.metrics)
        self.router = Router(self.store, HOSTNAME, self.clock, self.addresses)
        self.accept = Accept(
            self.store, self.blobs, clock, ids, HOSTNAME, QueueSettings(), self.metrics
        )
        self.certificates = CertificateStore([self._files()])
        await self.store.write(directory.add_domain, DOMAIN, self.now)
        self.ana = await self.add_account(ANA)
        self.budi = await self.add_account(BUDI)
        return self

    async def __aexit__(self, *_: object) -> None:
        for listener in self._listeners:
            await listener.drain(0)
        await self.tasks.stop(5)
        self.login.close()
        await self.store.close()
        defects = sum(listener.failed for listener in self._listeners)
        assert not defects, f"{defects} sessions ended with a defect; see the log"

    @property
    def now(self) -> int:
        """The clock in Unix milliseconds."""
        return int(self.clock.now() * 1000)

    async def add_account(
        self, address: str, password: str = PASSWORD, *, quota: int = 0
    ) -> Account:
        """One more account, with its standard mailboxes."""

        async def add(tx: Any) -> Account:
            return await directory.add_account(
                tx, address, name=address.partition("@")[0], password=password_hash(password),
                now=self.now, quota=quota,
            )  # fmt: skip

        return await self.store.write(add)

    async def deliver(
        self,
        message: bytes,
        account: Account | None = None,
        *,
        mailbox_id: int = INBOX_ID,
        keywords: str = "",
        received_at: int | None = None,
    ) -> int:
        """Store a message as it is, for `ANA` if not said otherwise; gives its UID."""
        at = self.now if received_at is None else received_at
        spool = self.blobs.spool()
        spool.add(message)
        found = digest(spool.content(), at)
        body = await spool.finish()
        placement = emails.Placement((account or self.ana).id, mailbox_id, keywords)
        added = await self.store.write(emails.add, body, found, [placement], at)
        return added.placed[0].uid

    def listen(
        self,
        make: Callable[[Connection], Runs],
        *,
        tls: bool = False,
        name: str = "test",
        refusal: Callable[[Fault], bytes] | None = None,
    ) -> int:
        """Serve a protocol on a free port of 127.0.0.1, which is returned."""
        [sock] = bind(ListenerSpec(name=name, host="127.0.0.1"))

        async def handler(connection: Connection) -> None:
            await make(connection).run()

        listener = Listener(
            sock, handler, name=name, reaper=self.reaper, gate=self.gate, log=self.log,
            context=self.certificates.context if tls else None, refusal=refusal,
        )  # fmt: skip
        self._listeners.append(listener.start())
        port: int = sock.getsockname()[1]
        return port

    @property
    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this installation's certificate."""
        return ssl.create_default_context(cadata=_certificate()[0].decode())

    def _files(self) -> CertificateFiles:
        certificate, key = self.folder / "cert.pem", self.folder / "key.pem"
        for path, text in zip((certificate, key), _certificate(), strict=True):
            path.write_bytes(text)
        return CertificateFiles(certificate, key)
