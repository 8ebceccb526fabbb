"""Builds all of signing in: passwords, sessions, second factors, OAuth, and their endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from merpati.app.ground import Ground
from merpati.app.installation import Config, ServerSettings
from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.net.tls import CertificateStore
from merpati.servers.web.client_setup import ClientSetup
from merpati.servers.web.oauth import OAuth
from merpati.servers.web.own_account import OwnAccount, Services
from merpati.servers.web.sign_in import SignInPages
from merpati.services.app_passwords import AppPasswords
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.id_tokens import IdTokens
from merpati.services.login import Login, LoginSettings
from merpati.services.notify import Notify
from merpati.services.oauth_provider import OAuthProvider
from merpati.services.own_password import OwnPassword
from merpati.services.passkeys import Passkeys
from merpati.services.sealing import Sealing
from merpati.services.second_factor import SecondFactor
from merpati.services.sessions import Sessions, SignInSettings
from merpati.services.setup_profiles import SetupProfiles
from merpati.services.sign_in_history import SignInHistory
from merpati.services.web_sign_in import WebSignIn
from merpati.store import oauth_clients, sign_in_history, tickets, web_sessions
from merpati.store.engine import Store, Topic
from merpati.wire.client_setup import Server, Setup

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from merpati.app.listeners import Listener

FORGET_EVERY = 3600.0  # seconds

# Listener: protocol for programs, and whether TLS comes first. The best stand first.
_SERVED = {
    "imaps": ("imap", True),
    "imap": ("imap", False),
    "pop3s": ("pop3", True),
    "pop3": ("pop3", False),
    "submissions": ("smtp", True),
    "submission": ("smtp", False),
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """The parts that others use."""

    store: Store
    clock: Clock
    login: Login
    http: HttpSignIn
    sessions: Sessions
    history: SignInHistory
    factors: SecondFactor
    routes: list[BaseRoute]

    def start(self, tasks: Tasks) -> None:
        """Begin the periodic work; ends with the tasks."""
        self.history.start(tasks)
        tasks.every(FORGET_EVERY, self.forget, "sign-ins")

    async def forget(self) -> None:
        """Remove what is over: sessions, tickets, old history, programs nobody uses."""
        now = int(self.clock.now() * 1000)
        while await self.store.write(web_sessions.forget, now):
            continue
        while await self.store.write(tickets.forget, now):
            continue
        await self.store.write(sign_in_history.forget, now)
        await self.store.write(oauth_clients.forget, now)


def build(ground: Ground) -> SignIn:
    """Those of one worker."""
    config = ground.config
    return assemble(
        ground.store, ground.notify, ground.clock, ground.ids, ground.chain, ground.metrics,
        ground.log, login_settings=config[LoginSettings], settings=config[SignInSettings],
        hostname=ground.hostname, sealing=ground.sealing(), setup=setup(config),
    )  # fmt: skip


def assemble(
    store: Store,
    notify: Notify,
    clock: Clock,
    ids: Ids,
    chain: CertificateStore | None,
    metrics: Metrics,
    log: Log,
    *,
    login_settings: LoginSettings,
    settings: SignInSettings,
    hostname: str,
    sealing: Sealing,
    setup: Setup,
) -> SignIn:
    """The same from its settings alone."""
    sessions = Sessions(store, clock, ids, settings, log)
    notify.listen(Topic.SIGN_IN, 0, sessions.forget)
    app_passwords = AppPasswords(store, clock, ids)
    history = SignInHistory(store, clock)
    login = Login(
        store, clock, ids, login_settings, metrics, sessions.owner, app_passwords=app_passwords,
        history=history, log=log,
    )  # fmt: skip
    factors = SecondFactor(store, clock, ids, sealing, hostname)
    passkeys = Passkeys(store, clock, ids)
    web = WebSignIn(store, clock, ids, login, sessions, factors, passkeys, history)
    profiles = SetupProfiles(store, clock, ids, setup, chain)
    http = HttpSignIn(login, sessions)
    own = OwnAccount(
        Services(
            store, clock, log, http, web, sessions, factors, passkeys, app_passwords, history,
            OwnPassword(store, log), profiles,
        )
    )  # fmt: skip
    provider = OAuthProvider(
        store, clock, ids, sessions, IdTokens(store), log,
        setup.webmail.rstrip("/") or f"https://{hostname}", register=settings.register,
    )  # fmt: skip
    routes = [
        *OAuth(provider, web, http).routes(),
        *SignInPages(web, sessions).routes(),
        *ClientSetup(store, profiles).routes(),
        *own.routes(),
    ]
    return SignIn(store, clock, login, http, sessions, history, factors, routes)


def setup(config: Config) -> Setup:
    """What programs are told of the listeners."""
    hostname = config[ServerSettings].hostname
    open_to_others = {
        one.service: one.port for one in config.listeners if one.port and one.service in _SERVED
    }
    servers = [
        Server(protocol, hostname, port, implicit_tls)
        for service, (protocol, implicit_tls) in _SERVED.items()
        if (port := open_to_others.get(service))
    ]
    return Setup(servers, webmail=_webmail(hostname, config.listeners))


def _webmail(hostname: str, listeners: tuple[Listener, ...]) -> str:
    port = next((one.port for one in listeners if one.service == "https" and one.port), 0)
    if not port:
        return ""
    return f"https://{hostname}/" if port == 443 else f"https://{hostname}:{port}/"
