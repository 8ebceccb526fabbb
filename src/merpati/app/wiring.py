"""Builds every object of a worker and hands each what it needs; the one place that knows all.

What a worker is made of stands in `Parts`, from the ground up. `build` makes it inside of
the worker's running loop; `sessions.py` says which session serves which listener.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

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
from merpati.app.ground import Ground, lay
from merpati.app.installation import (
    Config,
    ServerSettings,
)
from merpati.app.protection import Protection
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.net.listen import Gate
from merpati.net.tls import CertificateStore
from merpati.servers.api.http import Api
from merpati.servers.imap import session as imap
from merpati.servers.jmap.call import JmapSettings, Sending
from merpati.servers.jmap.http import Jmap
from merpati.servers.managesieve import session as managesieve
from merpati.servers.pop3 import session as pop3
from merpati.servers.pop3.maildrop import MaildropLocks
from merpati.servers.smtp import client as smtp_client
from merpati.servers.smtp.policy import Rates, SmtpSettings
from merpati.servers.web import leave, pages, well_known
from merpati.servers.web import session as web
from merpati.services import expand
from merpati.services.accept import Accept, QueueSettings
from merpati.services.administration.dashboard import Sampling
from merpati.services.alerts import Alerts
from merpati.services.author_rule import AuthorPolicies
from merpati.services.bounce import Bounce
from merpati.services.collect import Collect
from merpati.services.courier import Courier
from merpati.services.deliver import Deliver
from merpati.services.documents import Reader
from merpati.services.finding.finder import Finder
from merpati.services.guard import Guard, GuardSettings
from merpati.services.happenings import Happenings
from merpati.services.housekeeping import Housekeeping
from merpati.services.imap_events import ImapEvents
from merpati.services.info import InfoSettings
from merpati.services.list_delivery import ListSettings
from merpati.services.list_rules import ListRules
from merpati.services.login import Login
from merpati.services.outbound import OutboundSettings, QueueRunner
from merpati.services.outcome import Recorder
from merpati.services.posting import Posting
from merpati.services.quota_warnings import QuotaWarnings
from merpati.services.reminders import Reminders
from merpati.services.restore import RestoreSettings
from merpati.services.rotation import Rotation
from merpati.services.route import EXPAND
from merpati.services.scripts import Scripts, SieveSettings
from merpati.services.sealing import Sealing
from merpati.services.sign import DkimSettings, Signer
from merpati.services.smime import SmimeSettings
from merpati.services.text_index import SearchSettings, TextIndex
from merpati.services.transport import Routes
from merpati.services.web_push import WebPush
from merpati.services.webhooks import Webhooks
from merpati.store.engine import Topic

HTTPS: Final = 443
CONNECTIONS: Final = 10_000  # of one worker
CONNECTIONS_PER_ADDRESS: Final = 2_000  # an office behind one address has hundreds of IMAP ones


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one worker consists of: what it stands on, what serves, what works beside."""

    ground: Ground
    gate: Gate
    smtp: smtp_client.Services
    imap: imap.Services
    pop3: pop3.Services
    managesieve: managesieve.Services
    web: web.Web
    sign_in: sign_in.SignIn
    runner: QueueRunner
    text_index: TextIndex
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

    async def listen(self) -> None:
        """Begin to hear what happens, before anybody is served."""
        await self.happenings.start(self.ground.tasks)

    def start(self) -> None:
        """Begin what is done beside the sessions; ends with the tasks."""
        ground, tasks = self.ground, self.ground.tasks
        tasks.spawn(self.runner.run(), "queue")
        Housekeeping(
            ground.store, ground.blobs, ground.clock, ground.log,
            ground.config[RestoreSettings].days,
        ).start(tasks)  # fmt: skip
        Reminders(ground.store, ground.blobs, ground.clock, ground.log).start(tasks)
        self.protection.start(tasks, ground.notify, ground.log)
        self.guard.start(tasks, ground.notify)
        for one in (
            self.sign_in, self.sampling, self.alerts, self.judging, self.rotation, self.collect,
            self.quota_warnings, self.backups,
        ):  # fmt: skip
            one.start(tasks)
        tasks.spawn(self.web_push.run(), "web push")
        tasks.spawn(self.webhooks.run(), "webhooks")

    async def stop(self) -> None:
        """Write what is only in memory, and let go of everything; sessions have ended."""
        ground = self.ground
        await ground.tasks.stop(1.0, grace=0.5)
        await self.protection.stop(ground.log)
        await self.judging.stop(ground.log)
        self.sign_in.login.close()
        await self.sign_in.history.close()
        await self.text_index.close()
        if self.imap.reader is not None:
            await self.imap.reader.close()
        await ground.store.close()


async def build(
    name: str, config: Config, chain: CertificateStore | None, metrics: Metrics, log: Log
) -> Parts:
    """Make a worker's parts inside of its running loop."""
    ground = await lay(name, config, chain, metrics, log)
    store, clock, ids, hostname = ground.store, ground.clock, ground.ids, ground.hostname
    judges = judging.judge(ground)
    box = judging.report_box(ground)
    accept = Accept(
        store, ground.blobs, clock, ids, hostname, config[QueueSettings], metrics,
        judges[0], box, ListRules(store, ground.router, hostname),
    )  # fmt: skip
    post = Posting(store, accept, ground.router, ground.blobs, clock, ids, hostname).post
    protected = protection.build(ground, post)
    box.tls = protected.reports
    guard = _guard(ground, accept)
    text_index = search.text_index(config, store, log)
    signing_in = sign_in.build(ground)
    login = signing_in.login
    happenings = Happenings(store, ground.notify, clock, ids)
    accept.tell = happenings.steps
    box.complaints.tell, box.complaints.on_failed = happenings.complained, guard.failed
    signing_in.history.happenings = happenings
    runner, expanding, imap_events = _runner(ground, accept, protected, guard, happenings)
    backups = Backups(ground)
    imap_services = _imap(ground, accept, login, text_index, imap_events)
    return Parts(
        ground=ground,
        gate=Gate(CONNECTIONS, CONNECTIONS_PER_ADDRESS),
        smtp=_smtp(ground, accept, login, guard),
        imap=imap_services,
        pop3=_pop3(ground, login),
        managesieve=_managesieve(ground, login),
        web=_web(
            ground, signing_in, expanding, imap_services.finder, _sending(ground, accept, guard),
            administration.build(ground, accept, guard, signing_in, backups.run),
        ),
        sign_in=signing_in,
        runner=runner,
        text_index=text_index,
        protection=protected,
        guard=guard,
        sampling=Sampling(name, store, metrics, clock),
        judging=judging.build(ground, judges, box, post),
        rotation=Rotation(store, ground.resolver, clock, config[DkimSettings], log),
        collect=Collect(
            store, accept, ground.router, ground.sealing(), ground.reaper, clock, log
        ),
        quota_warnings=QuotaWarnings(store, ground.letters(accept), log),
        web_push=pushing.sender(ground),
        happenings=happenings,
        webhooks=pushing.webhooks(ground),
        alerts=alerting.build(
            ground, administration.Surroundings(config, store, clock), ground.letters(accept),
            happenings,
        ),
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


def _collect(ground: Ground, accept: Accept) -> Collect:
    """What fetches mail from other servers."""
    return Collect(
        ground.store, accept, ground.router, Sealing(ground.config.data, ground.ids),
        ground.reaper, ground.clock, ground.log,
    )  # fmt: skip


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
    jmap.push(built, ground.notify, pushing.vapid(ground))
    jmap.images(built, ground.public_https())
    return built


def _guard(ground: Ground, accept: Accept) -> Guard:
    """What watches our own users; it hears of each message that `accept` takes from them."""
    guard = Guard(
        ground.store, ground.letters(accept), ground.clock, ground.config[GuardSettings],
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
    accept.taker = expanding.forward.taker = runner
    return runner, expanding, scripts.events
