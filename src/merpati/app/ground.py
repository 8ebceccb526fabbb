"""What everything of a worker stands on: made first, and handed to all that build the rest."""

from __future__ import annotations

from dataclasses import dataclass

from merpati.app.installation import Config, DnsSettings, ServerSettings, open_store
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.tls import CertificateStore, client_context
from merpati.services.accept import Accept
from merpati.services.hourly_limits import HourlyLimits
from merpati.services.letters import Letters
from merpati.services.notify import Notify
from merpati.services.route import AddressSettings, Router
from merpati.services.sealing import Sealing
from merpati.services.web_push import is_public
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Topic


@dataclass(frozen=True, slots=True)
class Ground:
    """What has no part of its own in mail, and is needed by all that have."""

    name: str  # of the worker
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

    @property
    def holder(self) -> str:
        """Who this worker is to others that take turns with it, on this machine or another."""
        return f"{self.hostname}/{self.name}"

    def sealing(self) -> Sealing:
        """What encrypts secrets that lie in the store."""
        return Sealing(self.config.data, self.ids)

    def public_https(self) -> Https:
        """For what strangers make us ask: nothing but the Internet."""
        context = client_context(verify=True)
        return Https(self.resolver, self.reaper, context, allows=is_public)

    def letters(self, accept: Accept) -> Letters:
        """What the server itself writes to people."""
        return Letters(accept, self.router, self.blobs, self.clock, self.ids, self.hostname)


async def lay(
    name: str, config: Config, chain: CertificateStore | None, metrics: Metrics, log: Log
) -> Ground:
    """Make it inside of the worker's running loop."""
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
