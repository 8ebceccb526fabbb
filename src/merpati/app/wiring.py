"""Builds every object of a worker and hands each what it needs; the one place that knows all.

What a worker is made of stands in `Parts`, from the ground up. `build` makes it inside of
the worker's running loop; `handlers` says which session serves which listener.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from merpati.app.installation import (
    Config,
    DnsSettings,
    ServerSettings,
    TlsSettings,
    open_store,
)
from merpati.app.listeners import Listener
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.net.listen import Gate
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import CertificateFiles, CertificateStore
from merpati.servers.imap import session as imap
from merpati.servers.pop3 import session as pop3
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.smtp import session as smtp
from merpati.servers.smtp.legal import Role
from merpati.services.accept import Accept, QueueSettings
from merpati.services.bounce import Bounce
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.login import Login, LoginSettings
from merpati.services.notify import Notify
from merpati.services.outbound import OutboundSettings, QueueRunner
from merpati.services.outcome import Recorder
from merpati.services.route import Router
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Topic

if TYPE_CHECKING:
    from merpati.net.listen import Handler, Refusal

CONNECTIONS: Final = 10_000  # of one worker
CONNECTIONS_PER_ADDRESS: Final = 2_000  # an office behind one address has hundreds of IMAP ones


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one worker consists of."""

    name: str
    config: Config
    log: Log
    metrics: Metrics
    tasks: Tasks
    store: Store
    blobs: BlobStore
    notify: Notify
    login: Login
    runner: QueueRunner
    certificates: CertificateStore | None
    reaper: Reaper
    gate: Gate
    smtp: smtp.Services
    imap: imap.Services
    pop3: pop3.Services


def certificate_files(config: Config) -> list[CertificateFiles]:
    """The certificates that the configuration names."""
    tls = config[TlsSettings]
    return [
        CertificateFiles(certificate, key)
        for certificate, key in zip(tls.certificate, tls.key, strict=True)
    ]


def certificates(config: Config) -> CertificateStore | None:
    """The same, loaded; None without any."""
    files = certificate_files(config)
    return CertificateStore(files) if files else None


async def build(
    name: str, config: Config, chain: CertificateStore | None, metrics: Metrics, log: Log
) -> Parts:
    """Make a worker's parts inside of its running loop."""
    clock = SystemClock()
    ids = SystemIds(clock)
    hostname = config[ServerSettings].hostname
    language = config[ServerSettings].language
    tasks = Tasks(log, ids)
    reaper = Reaper()
    store = await open_store(config)
    notify = Notify()
    store.on_commit(notify.committed)
    blob_store = BlobStore(config.blobs, ids)
    login = Login(store, clock, ids, config[LoginSettings], metrics)
    router = Router(store, hostname, clock)
    notify.listen(Topic.DIRECTORY, 0, router.forget)
    accept = Accept(store, blob_store, clock, ids, hostname, config[QueueSettings], metrics)
    resolver = Resolver(config[DnsSettings].endpoints() or None, clock)
    bounce = Bounce(accept, router, blob_store, clock, ids, hostname, language)
    recorder = Recorder(store, blob_store, bounce, clock, ids, config[QueueSettings], metrics)
    deliver = Deliver(store, blob_store, router, recorder, clock)
    outbound = config[OutboundSettings]
    chance = random.SystemRandom()
    courier = Courier(store, blob_store, resolver, reaper, hostname, outbound.port, chance)
    runner = QueueRunner(name, store, courier, deliver, recorder, clock, outbound, tasks, log)
    notify.listen(Topic.QUEUE, 0, runner.wake)
    return Parts(
        name=name,
        config=config,
        log=log,
        metrics=metrics,
        tasks=tasks,
        store=store,
        blobs=blob_store,
        notify=notify,
        login=login,
        runner=runner,
        certificates=chain,
        reaper=reaper,
        gate=Gate(CONNECTIONS, CONNECTIONS_PER_ADDRESS),
        smtp=smtp.Services(
            hostname, config[smtp.SmtpSettings], store, accept, router, login, chain, clock, log
        ),
        imap=imap.Services(
            hostname, config[imap.ImapSettings], store, blob_store, notify, login, chain, clock,
            tasks, log,
        ),
        pop3=pop3.Services(
            hostname, config[pop3.Pop3Settings], store, blob_store, login, chain,
            MaildropLocks(config.data / "run" / "pop3"), log,
        ),
    )  # fmt: skip


def handler(parts: Parts, listener: Listener) -> tuple[Handler, Refusal]:
    """The session that serves a listener's clients, and how it refuses one too many."""
    service = listener.service
    plain = listener.login_without_tls
    if service in {"smtp", "submission", "submissions"}:
        role = Role(service)
        return _run(lambda one: smtp.Session(one, role, parts.smtp, plain)), smtp.refuse
    if service in {"imap", "imaps"}:
        return _run(lambda one: imap.Session(one, parts.imap, plain)), imap.refuse
    assert service in {"pop3", "pop3s"}, service
    return _run(lambda one: pop3.Session(one, parts.pop3, plain)), pop3.refuse


def _run(make: Callable[[Connection], smtp.Session | imap.Session | pop3.Session]) -> Handler:
    async def run(connection: Connection) -> None:
        await make(connection).run()

    return run
