"""Builds what tells programs: web push with the key it is known by, and webhooks."""

from __future__ import annotations

from merpati.app.ground import Ground
from merpati.net.https import Https
from merpati.net.tls import client_context
from merpati.services.web_push import Vapid, WebPush, WebPushSettings, is_public
from merpati.services.webhooks import Webhooks, WebhookSettings, allowed


def vapid(ground: Ground) -> Vapid:
    """The key of the installation."""
    return Vapid(ground.sealing(), ground.hostname, ground.clock)


def sender(ground: Ground) -> WebPush:
    """What sends by web push in this worker, while it is its turn."""
    settings = ground.config[WebPushSettings]
    allows = None if settings.private_addresses else is_public
    https = Https(ground.resolver, ground.reaper, client_context(verify=True), allows=allows)
    return WebPush(
        ground.holder, ground.store, ground.notify, https, vapid(ground), settings, ground.clock,
        ground.ids, ground.log,
    )  # fmt: skip


def webhooks(ground: Ground) -> Webhooks:
    """What tells webhooks in this worker, while it is its turn."""
    settings = ground.config[WebhookSettings]
    https = Https(
        ground.resolver, ground.reaper, client_context(verify=True),
        allows=lambda address: allowed(settings, address),
    )  # fmt: skip
    return Webhooks(
        ground.holder, ground.store, ground.notify, https, ground.sealing(), settings,
        ground.clock, ground.log,
    )  # fmt: skip
