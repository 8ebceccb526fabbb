"""Builds what tells programs: web push with the key it is known by, and webhooks."""

from __future__ import annotations

from merpati.app.installation import Config, ServerSettings
from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.tls import client_context
from merpati.services.notify import Notify
from merpati.services.sealing import Sealing
from merpati.services.web_push import Vapid, WebPush, WebPushSettings, is_public
from merpati.services.webhooks import Webhooks, WebhookSettings, allowed
from merpati.store.engine import Store


def vapid(config: Config, clock: Clock, ids: Ids) -> Vapid:
    """The key of the installation."""
    return Vapid(Sealing(config.data, ids), config[ServerSettings].hostname, clock)


def sender(
    name: str,
    config: Config,
    store: Store,
    notify: Notify,
    resolver: Resolver,
    reaper: Reaper,
    clock: Clock,
    ids: Ids,
    log: Log,
) -> WebPush:
    """What sends in the worker of that name, while it is its turn."""
    settings = config[WebPushSettings]
    allows = None if settings.private_addresses else is_public
    https = Https(resolver, reaper, client_context(verify=True), allows=allows)
    holder = f"{config[ServerSettings].hostname}/{name}"
    key = vapid(config, clock, ids)
    return WebPush(holder, store, notify, https, key, settings, clock, ids, log)


def webhooks(
    name: str,
    config: Config,
    store: Store,
    notify: Notify,
    resolver: Resolver,
    reaper: Reaper,
    clock: Clock,
    ids: Ids,
    log: Log,
) -> Webhooks:
    """What tells webhooks in the worker of that name, while it is its turn."""
    settings = config[WebhookSettings]
    context = client_context(verify=True)
    https = Https(resolver, reaper, context, allows=lambda address: allowed(settings, address))
    holder = f"{config[ServerSettings].hostname}/{name}"
    sealing = Sealing(config.data, ids)
    return Webhooks(holder, store, notify, https, sealing, settings, clock, log)
