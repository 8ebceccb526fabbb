"""Which session serves the clients of a listener, and how it refuses one too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from merpati.app.listeners import SMTP_SERVICES, Listener
from merpati.app.wiring import Parts
from merpati.base.networks import Networks
from merpati.net.stream import Connection
from merpati.servers.imap import session as imap
from merpati.servers.managesieve import session as managesieve
from merpati.servers.pop3 import session as pop3
from merpati.servers.smtp import session as smtp
from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import Policy
from merpati.servers.web import session as web
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:
    from merpati.net.listen import Handler, Refusal


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
