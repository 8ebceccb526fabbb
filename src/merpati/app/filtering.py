"""Sieve at delivery: its parts put together, and made known to all that delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from merpati.services.filing import Filer
from merpati.services.filter import Filter
from merpati.services.filter_outcome import Outcomes
from merpati.services.imap_events import ImapEvents
from merpati.services.scripts import SieveSettings
from merpati.store.engine import Topic

if TYPE_CHECKING:
    from merpati.base.clock import Clock
    from merpati.base.ids import Ids
    from merpati.base.log import Log
    from merpati.services.accept import Accept
    from merpati.services.deliver import Deliver
    from merpati.services.forward import Forward
    from merpati.services.notify import Notify
    from merpati.services.route import Router
    from merpati.store.blobs import BlobStore
    from merpati.store.engine import Store


def install(
    *,
    store: Store,
    blob_store: BlobStore,
    router: Router,
    accept: Accept,
    deliver: Deliver,
    forward: Forward,
    clock: Clock,
    ids: Ids,
    hostname: str,
    settings: SieveSettings,
    notify: Notify,
    log: Log,
) -> Installed:
    """Have scripts run wherever mail is delivered: at once, from the queue, beside a forward."""
    outcomes = Outcomes(blob_store, forward, accept.digester, clock, ids, hostname, settings)
    filer = Filer(router, forward)
    one = Filter(store, clock, outcomes, filer, hostname, router.separator, settings, log)
    accept.filter = deliver.filter = forward.filter = one
    notify.listen(Topic.DIRECTORY, 0, one.forget)
    events = ImapEvents(store, blob_store, one, outcomes, filer, accept.digester, clock, ids, log)
    return Installed(one, events)


class Installed(NamedTuple):
    """What runs scripts: on mail that comes, and on what is done in mailboxes."""

    filter: Filter
    events: ImapEvents
