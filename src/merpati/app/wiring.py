"""Builds every object of a worker and hands each what it needs; the one place that knows all.

What a worker is made of stands in `Parts`, from the ground up. `build` makes it inside of
the worker's running loop; `handlers` says which session serves which listener.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec import structs

from merpati.app import (
    administration,
    alerting,
    filtering,
    jmap,
    judging,
    protection,
    pushing,
    search,
    sign_in,
)
from merpati.app.backing import Backups
from merpati.app.installation import (
    Config,
    DnsSettings,
    ServerSettings,
    TlsSettings,
    open_store,
)
from merpati.app.listeners import SMTP_SERVICES, Listener
from merpati.app.protection import Protection
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.networks import Networks
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.listen import Gate
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import CertificateFiles, CertificateStore, client_context
from merpati.servers.api.http import Api
from merpati.servers.imap import session as imap
from merpati.servers.jmap.call import JmapSettings, Sending
from merpati.servers.jmap.http import Jmap
from merpati.servers.managesieve import session as managesieve
from merpati.servers.pop3 import session as pop3
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.smtp import client as smtp_client
from merpati.servers.smtp import session as smtp
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import Policy, Rates, SmtpSettings
from merpati.servers.web import leave, pages, well_known
from merpati.servers.web import session as web
from merpati.services import expand
from merpati.services.accept import Accept, QueueSettings
from merpati.services.administration.dashboard import Sampling
from merpati.services.alerts import Alerts
from merpati.services.author_rule import AuthorPolicies
from merpati.services.bounce import Bounce
from merpati.services.certificates import AcmeSettings, installed
from merpati.services.collect import Collect
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.dmarc_digest import Digests
from merpati.services.dmarc_reports import DmarcReportSettings
from merpati.services.documents import Reader
from merpati.services.finding.finder import Finder
from merpati.services.guard import Guard, GuardSettings
from merpati.services.happenings import Happenings
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.imap_events import ImapEvents
from merpati.services.info import InfoSettings
from merpati.services.letters import Letters
from merpati.services.list_delivery import ListSettings
from merpati.services.list_rules import ListRules
from merpati.services.login import Login
from merpati.services.notify import Notify
from merpati.services.outbound import OutboundSettings, QueueRunner
from merpati.services.outcome import Recorder
from merpati.services.posting import Posting
from merpati.services.quota_warnings import QuotaWarnings
from merpati.services.report_box import ReportBox
from merpati.services.rotation import Rotation
from merpati.services.route import EXPAND, AddressSettings, Router
from merpati.services.scripts import Scripts, SieveSettings
from merpati.services.sealing import Sealing
from merpati.services.sign import DkimSettings, Signer
from merpati.services.smime import SmimeSettings
from merpati.services.text_index import SearchSettings, TextIndex
from merpati.services.transport import Routes
from merpati.services.web_push import WebPush, is_public
from merpati.services.webhooks import Webhooks
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Topic
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:
    from merpati.net.listen import Handler, Refusal

HTTPS: Final = 443
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
    sign_in: sign_in.SignIn
    runner: QueueRunner
    certificates: CertificateStore | None
    reaper: Reaper
    gate: Gate
    smtp: smtp_client.Services
    imap: imap.Services
    pop3: pop3.Services
    text_index: TextIndex
    managesieve: managesieve.Services
    web: web.Web
    protection: Protection
    guard: Guard
    sampling: Sampling
    judging: judging.Judging
    rotation: Rotation
    collect: Collect
    quota_warnings: QuotaWarnings
    web_push: WebPush
    happenings: Happenings
    webhooks: Webhooks
    alerts: Alerts
    backups: Backups


def certificate_files(config: Config) -> list[CertificateFiles]:
    """The certificates to show: those ordered by ACME, then those of the configuration."""
    authorities = config[TlsSettings].client_ca
    return [structs.replace(one, client_ca=authorities) for one in _shown(config)]


def _shown(config: Config) -> list[CertificateFiles]:
    tls = config[TlsSettings]
    ordered = []
    if config[AcmeSettings].enabled:
        folder = protection.acme_folder(config)
        ordered = installed(folder, config[ServerSettings].hostname)
    return ordered + [
        CertificateFiles(certificate, key)
        for certificate, key in zip(tls.certificate, tls.key, strict=True)
    ]


def certificates(config: Config) -> CertificateStore | None:
    """The same, loaded; None without any."""
    files = certificate_files(config)
    return CertificateStore(files) if files else None


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything of a worker stands on."""

    name: str
    config: Config
    chain: CertificateStore | None
    log: Log
    metrics: Metrics
    clock: SystemClock
    ids: SystemIds
    hostname: str
    tasks: Tasks
    reaper: Reaper
    store: Store
    blobs: BlobStore
    notify: Notify
    limits: HourlyLimits
    resolver: Resolver
    router: Router


async def build(
    name: str, config: Config, chain: CertificateStore | None, metrics: Metrics, log: Log
) -> Parts:
    """Make a worker's parts inside of its running loop."""
    ground = await _ground(name, config, chain, metrics, log)
    clock, store, blob_store, hostname = ground.clock, ground.store, ground.blobs, ground.hostname
    judges = judging.judge(config, store, ground.resolver, clock, metrics)
    box = ReportBox(Digests(store, clock, config[DmarcReportSettings].addresses, log))
    accept = Accept(
        store, blob_store, clock, ground.ids, hostname, config[QueueSettings], metrics,
        judges[0], box, ListRules(store, ground.router, hostname),
    )  # fmt: skip
    posting = Posting(store, accept, ground.router, blob_store, clock, ground.ids, hostname)
    protected = protection.build(
        name, config, store, ground.resolver, ground.reaper, chain,
        files=lambda: certificate_files(config), post=posting.post, clock=clock,
        ids=ground.ids, log=log,
    )  # fmt: skip
    box.tls = protected.reports
    guard = _guard(ground, accept)
    text_index = search.text_index(config, store, log)
    signing_in = sign_in.build(config, store, ground.notify, clock, ground.ids, chain, metrics, log)
    login = signing_in.login
    happenings = Happenings(store, ground.notify, clock, ground.ids)
    accept.tell = happenings.steps
    signing_in.history.happenings = happenings
    runner, expanding, imap_events = _runner(ground, accept, protected, guard, happenings)
    backups = Backups(name, config, store, clock, log)
    imap_services = _imap(ground, accept, login, text_index, imap_events)
    return Parts(
        name=name, config=config, log=log, metrics=metrics, tasks=ground.tasks, store=store,
        blobs=blob_store, notify=ground.notify, login=login, sign_in=signing_in, runner=runner,
        certificates=chain,
        reaper=ground.reaper,
        gate=Gate(CONNECTIONS, CONNECTIONS_PER_ADDRESS),
        smtp=_smtp(ground, accept, login, guard),
        imap=imap_services,
        text_index=text_index,
        pop3=_pop3(ground, login),
        managesieve=_managesieve(ground, login),
        web=_web(
            ground, signing_in, expanding, imap_services.finder, _sending(ground, accept, guard),
            _administration(ground, accept, guard, signing_in, backups),
        ),
        sampling=Sampling(name, store, metrics, clock),
        protection=protected,
        guard=guard,
        judging=judging.build(
            name, config, store, ground.resolver, judges, box.digests, post=posting.post,
            clock=clock, ids=ground.ids, log=log,
        ),
        rotation=Rotation(store, ground.resolver, clock, config[DkimSettings], log),
        collect=_collect(ground, accept),
        quota_warnings=QuotaWarnings(store, _letters(ground, accept), log),
        web_push=_web_push(ground),
        happenings=happenings,
        webhooks=_webhooks(ground),
        alerts=_alerts(ground, accept, happenings),
        backups=backups,
    )  # fmt: skip


def _smtp(ground: Ground, accept: Accept, login: Login, guard: Guard) -> smtp_client.Services:
    """What SMTP sessions need."""
    settings = ground.config[SmtpSettings]
    return smtp_client.Services(
        ground.hostname, settings, ground.store, accept, ground.router, login, ground.chain,
        ground.clock, ground.log, Rates(settings, ground.limits), guard,
    )  # fmt: skip


def _pop3(ground: Ground, login: Login) -> pop3.Services:
    """What POP3 sessions need."""
    config = ground.config
    return pop3.Services(
        ground.hostname, config[pop3.Pop3Settings], ground.store, ground.blobs, login,
        ground.chain, MaildropLocks(config.data / "run" / "pop3"), ground.log, ground.clock,
    )  # fmt: skip


def _administration(
    ground: Ground, accept: Accept, guard: Guard, signing_in: sign_in.SignIn, backups: Backups
) -> Api:
    """What the administration asks and changes."""
    return administration.build(
        ground.config, ground.store, ground.blobs, ground.router, accept, guard, signing_in.http,
        signing_in.history, ground.clock, ground.ids,
        begin_backup=backups.run,
    )  # fmt: skip


def _collect(ground: Ground, accept: Accept) -> Collect:
    """What fetches mail from other servers."""
    return Collect(
        ground.store, accept, ground.router, Sealing(ground.config.data, ground.ids),
        ground.reaper, ground.clock, ground.log,
    )  # fmt: skip


def _alerts(ground: Ground, accept: Accept, happenings: Happenings) -> Alerts:
    """What wakes somebody when something is wrong."""
    letters = Letters(
        accept, ground.router, ground.blobs, ground.clock, ground.ids, ground.hostname
    )
    place = administration.Surroundings(ground.config, ground.store, ground.clock)
    return alerting.build(
        ground.name, ground.config, place, ground.store, letters, happenings, ground.clock,
        ground.log,
    )  # fmt: skip


def _webhooks(ground: Ground) -> Webhooks:
    """What tells programs what happened."""
    return pushing.webhooks(
        ground.name, ground.config, ground.store, ground.notify, ground.resolver, ground.reaper,
        ground.clock, ground.ids, ground.log,
    )  # fmt: skip


def _web_push(ground: Ground) -> WebPush:
    """What tells programs that are not connected."""
    return pushing.sender(
        ground.name, ground.config, ground.store, ground.notify, ground.resolver, ground.reaper,
        ground.clock, ground.ids, ground.log,
    )  # fmt: skip


async def _ground(
    name: str, config: Config, chain: CertificateStore | None, metrics: Metrics, log: Log
) -> Ground:
    clock = SystemClock()
    ids = SystemIds(clock)
    hostname = config[ServerSettings].hostname
    store = await open_store(config)
    notify = Notify()
    store.on_commit(notify.committed)
    router = Router(store, hostname, clock, config[AddressSettings])
    notify.listen(Topic.DIRECTORY, 0, router.forget)
    return Ground(
        name=name,
        config=config,
        chain=chain,
        log=log,
        metrics=metrics,
        clock=clock,
        ids=ids,
        hostname=hostname,
        tasks=Tasks(log, ids),
        reaper=Reaper(),
        store=store,
        blobs=BlobStore(config.blobs, ids),
        notify=notify,
        limits=HourlyLimits(clock, notify),
        resolver=Resolver(config[DnsSettings].endpoints() or None, clock),
        router=router,
    )


def _imap(
    ground: Ground, accept: Accept, login: Login, text_index: TextIndex | None, events: ImapEvents
) -> imap.Services:
    """What IMAP sessions need."""
    # Without an index every search would open all documents there are.
    reader = Reader() if ground.config[SearchSettings].index else None
    return imap.Services(
        ground.hostname, ground.config[imap.ImapSettings], ground.store, ground.blobs,
        ground.notify, login, ground.chain, ground.clock, ground.tasks, ground.log,
        accept.digester, ground.ids, text_index, reader, jmap_url=_jmap_url(ground.config),
        events=events,
    )  # fmt: skip


def _jmap_url(config: Config) -> str:
    """Where JMAP clients begin (RFC 9698); empty when nothing serves HTTPS."""
    port = _https_port(config)
    if not port:
        return ""
    host = config[ServerSettings].hostname + ("" if port == HTTPS else f":{port}")
    return f"https://{host}/.well-known/jmap"


def _https_port(config: Config) -> int:
    """Where HTTPS is served, the usual port if it is among several; 0 for nowhere."""
    ports = [one.port for one in config.listeners if one.service == "https" and one.port]
    return HTTPS if HTTPS in ports else next(iter(ports), 0)


def _managesieve(ground: Ground, login: Login) -> managesieve.Services:
    """What ManageSieve sessions need."""
    config = ground.config
    return managesieve.Services(
        ground.hostname, config[managesieve.ManageSieveSettings], ground.store,
        Scripts(ground.store, ground.clock, config[SieveSettings]), login, ground.chain, ground.log,
    )  # fmt: skip


def _web(
    ground: Ground, signing_in: sign_in.SignIn, expanding: expand.Expand, finder: Finder,
    sending: Sending, api: Api,
) -> web.Web:  # fmt: skip
    """The HTTP application: what is looked for by its address comes before the pages."""
    return web.Web(
        [
            *well_known.routes(ground.store, ground.hostname),
            *leave.routes(expanding.list_mail.leave),
            *signing_in.routes,
            *_jmap(ground, signing_in, finder, sending).routes(),
            *api.routes(),
            *pages.routes(pages.load()),
        ],
        ground.clock, ground.log, _https_port(ground.config),
    )  # fmt: skip


def _sending(ground: Ground, accept: Accept, guard: Guard) -> Sending:
    """How JMAP sends mail: as submission by SMTP does."""
    smtp_settings = ground.config[SmtpSettings]
    return Sending(accept, ground.router, guard, smtp_settings.hold, smtp_settings.recipients)


def _jmap(ground: Ground, signing_in: sign_in.SignIn, finder: Finder, sending: Sending) -> Jmap:
    """JMAP, for the web application."""
    config = ground.config
    built = jmap.build(
        config[JmapSettings], ground.store, ground.blobs, signing_in.http, ground.clock,
        ground.ids, ground.log, config[SmtpSettings].message_size, finder=finder,
        sending=sending, sieve=config[SieveSettings], smime=config[SmimeSettings],
    )  # fmt: skip
    jmap.push(built, ground.notify, pushing.vapid(config, ground.clock, ground.ids))
    context = client_context(verify=True)
    jmap.images(built, Https(ground.resolver, ground.reaper, context, allows=is_public))
    return built


def _letters(ground: Ground, accept: Accept) -> Letters:
    """What the server itself writes to people."""
    return Letters(accept, ground.router, ground.blobs, ground.clock, ground.ids, ground.hostname)


def _guard(ground: Ground, accept: Accept) -> Guard:
    """What watches our own users; it hears of each message that `accept` takes from them."""
    guard = Guard(
        ground.store, _letters(ground, accept), ground.clock, ground.config[GuardSettings],
        ground.metrics, ground.log, ground.limits,
    )  # fmt: skip
    accept.watch = guard.record
    return guard


def _runner(
    ground: Ground, accept: Accept, protected: Protection, guard: Guard, happenings: Happenings
) -> tuple[QueueRunner, expand.Expand, ImapEvents]:
    """All that serves the queue: delivery here and elsewhere, lists and forwards, notices."""
    config, store, blob_store, clock = ground.config, ground.store, ground.blobs, ground.clock
    outbound, queued = config[OutboundSettings], config[QueueSettings]
    signer = Signer(
        store, ground.resolver, clock, ground.hostname, config[DkimSettings], ground.log
    )
    ground.notify.listen(Topic.SIGNING, 0, signer.forget)
    bounce = Bounce(
        accept, ground.router, blob_store, clock, ground.ids, ground.hostname,
        config[ServerSettings].language,
    )  # fmt: skip
    recorder = Recorder(
        store, blob_store, bounce, clock, ground.ids, queued, ground.metrics, outbound.suppress_for
    )
    recorder.on_failed = guard.failed
    recorder.tell = happenings.steps
    deliver = Deliver(store, blob_store, ground.router, recorder, clock)
    courier = Courier(
        store, blob_store, ground.resolver, ground.reaper, ground.hostname, outbound.port,
        random.SystemRandom(), clock, routes=Routes(outbound.routes, outbound.credentials),
        sources=outbound.sources, security=protected.security, signatures=signer,
    )  # fmt: skip
    expanding = expand.assemble(
        store=store, blob_store=blob_store, router=ground.router, accept=accept, recorder=recorder,
        clock=clock, ids=ground.ids, hostname=ground.hostname, seals=signer,
        author_rule=AuthorPolicies(ground.resolver).forbids, list_settings=config[ListSettings],
        info_settings=config[InfoSettings], queue_settings=queued,
    )  # fmt: skip
    scripts = filtering.install(
        store=store, blob_store=blob_store, router=ground.router, accept=accept, deliver=deliver,
        forward=expanding.forward, clock=clock, ids=ground.ids, hostname=ground.hostname,
        settings=config[SieveSettings], notify=ground.notify, log=ground.log,
    )  # fmt: skip
    runner = QueueRunner(
        ground.name, store, courier, deliver, recorder, clock, outbound, ground.tasks, ground.log,
        steps={EXPAND: expanding.serve},
    )  # fmt: skip
    ground.notify.listen(Topic.QUEUE, 0, runner.wake)
    accept.taker = runner
    return runner, expanding, scripts.events


def handler(parts: Parts, listener: Listener) -> tuple[Handler, Refusal]:
    """The session that serves a listener's clients, and how it refuses one too many."""
    service = listener.service
    plain = listener.login_without_tls
    if service in SMTP_SERVICES:
        policy = smtp_policy(listener)
        return _run(lambda one: smtp.Session(one, policy, parts.smtp)), smtp.refuse
    if service in {"imap", "imaps"}:
        return _run(lambda one: imap.Session(one, parts.imap, plain)), imap.refuse
    if service in {"http", "https"}:
        return parts.web.run, web.refuse
    if service == "managesieve":
        scripts = parts.managesieve
        return _run(lambda one: managesieve.Session(one, scripts, plain)), managesieve.refuse
    assert service in {"pop3", "pop3s"}, service
    return _run(lambda one: pop3.Session(one, parts.pop3, plain)), pop3.refuse


def smtp_policy(listener: Listener) -> Policy:
    """What an SMTP listener is for, and whom it serves."""
    return Policy(
        role=Role(listener.service),
        login_without_tls=listener.login_without_tls,
        require_tls=listener.require_tls,
        networks=Networks(listener.networks),
        xclient=Networks(listener.xclient),
        sender=parse_address(listener.sender) if listener.sender else None,
        recipients=frozenset(one.lower() for one in listener.recipients),
        messages=listener.messages_per_hour,
    )


Session = smtp.Session | imap.Session | pop3.Session | managesieve.Session


def _run(make: Callable[[Connection], Session]) -> Handler:
    async def run(connection: Connection) -> None:
        await make(connection).run()

    return run
