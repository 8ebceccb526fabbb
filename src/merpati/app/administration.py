"""Builds the API: its operations, and what they are told of the machine and its configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from merpati.app import config as settings_groups
from merpati.app import examining
from merpati.app.ground import Ground
from merpati.app.installation import Config, DnsSettings, ServerSettings
from merpati.app.sign_in import SignIn
from merpati.base import settings
from merpati.base.clock import Clock
from merpati.base.secrets import Secret
from merpati.net.dns import Resolver
from merpati.servers.api import operations
from merpati.servers.api.http import Api
from merpati.servers.api.operation import CertificateView, ListenerView, Services, SettingView
from merpati.servers.smtp.policy import SmtpSettings
from merpati.services.accept import Accept, QueueSettings
from merpati.services.administration.hooks import Hooks
from merpati.services.administration.sending import Sending
from merpati.services.administration.tokens import Tokens
from merpati.services.backup.desk import Desk
from merpati.services.backup.keep import BackupSettings
from merpati.services.diagnose import marks, publish
from merpati.services.diagnose.findings import Finding
from merpati.services.diagnose.marks import Marked
from merpati.services.guard import Guard
from merpati.services.key_lookup import KeyLookup
from merpati.services.moderation import Moderation
from merpati.services.restore import Restore
from merpati.services.webhooks import WebhookSettings
from merpati.store.engine import Store


class Surroundings:
    """What the API is told of the machine, its configuration and the DNS."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self.config = config
        self.store = store
        self.clock = clock

    async def marks(self, domain: str) -> tuple[list[Marked], list[str]]:
        """The records of a domain with their marks, and what is to be done besides."""
        home = await examining.find_home(self, domain, await examining.shown_certificates(self))
        # Not the worker's own resolver: who has just published a record wants to see it.
        resolver = Resolver(self.config[DnsSettings].endpoints() or None, self.clock)
        try:
            return await marks.look(home, resolver), publish.notes(home)
        finally:
            await resolver.close()

    async def findings(self, domains: Sequence[str]) -> dict[str, list[Finding]]:
        """What the doctor finds, of the machine first."""
        return await examining.examine(self, domains)

    def settings(self, language: str) -> list[SettingView]:
        """Every setting of the configuration file, explained in a language."""
        from merpati.app.indonesian import PHRASES  # noqa: PLC0415 -- most read English

        def tell(text: str) -> str:
            return PHRASES.say(text, language)

        return [
            SettingView(
                heading=heading, name=name, value=_shown(getattr(self.config[group], name)),
                is_default=getattr(self.config[group], name) == one.default,
                reloads=one.reload, text=settings.describe(one, tell),
            )
            for heading, group in settings_groups.GROUPS.items()
            for name, one in settings.declared(group).items()
        ]  # fmt: skip

    def listeners(self) -> list[ListenerView]:
        """What is served where."""
        return [
            ListenerView(
                service=one.service, host=one.host if one.path is None else str(one.path),
                port=one.port or 0, networks=one.networks, sender=one.sender,
                recipients=one.recipients, messages_per_hour=one.messages_per_hour,
            )
            for one in self.config.listeners
        ]  # fmt: skip

    async def certificates(self) -> list[CertificateView]:
        """The certificates shown."""
        return [
            CertificateView(
                names=one.certificate.names, not_before=int(one.certificate.not_before * 1000),
                not_after=int(one.certificate.not_after * 1000),
                self_signed=one.certificate.self_signed, automatic=one.certificate.automatic,
            )
            for one in await examining.shown_certificates(self)
        ]  # fmt: skip


def build(
    ground: Ground,
    accept: Accept,
    guard: Guard,
    sign_in: SignIn,
    begin_backup: Callable[[], Awaitable[None]],
) -> Api:
    """The API of one worker."""
    config, store, clock, ids = ground.config, ground.store, ground.clock, ground.ids
    services = Services(
        store=store,
        clock=clock,
        ids=ids,
        hostname=ground.hostname,
        language=config[ServerSettings].language,
        moderation=Moderation(ground.router, ground.letters(accept), clock, ids),
        lifetime=config[QueueSettings].lifetime,
        restore=Restore(store, clock),
        tokens=Tokens(store, clock, ids),
        sending=Sending(
            store,
            accept,
            ground.router,
            guard,
            clock,
            ground.hostname,
            message_size=config[SmtpSettings].message_size,
        ),
        history=sign_in.history,
        surroundings=Surroundings(config, store, clock),
        hooks=Hooks(store, ground.sealing(), config[WebhookSettings], clock, ids),
        backups=Desk(store, ground.blobs, clock, ids, config[BackupSettings], begin_backup),
        keys=KeyLookup(store, ground.resolver, ground.public_https(), clock),
    )
    return Api(services, sign_in.http, operations.OPERATIONS)


def _shown(value: Any) -> Any:
    if isinstance(value, Path | Secret):
        return str(value)
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    return value
