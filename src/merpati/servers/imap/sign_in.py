"""Signing in and out: STARTTLS, LOGIN, AUTHENTICATE (RFC 3501 6.2), UNAUTHENTICATE (RFC 8437)."""

from __future__ import annotations

from base64 import b64encode

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.networks import THIS_MACHINE
from merpati.model.account import Account
from merpati.servers.imap import watch
from merpati.servers.imap.client import ANSWERED, Client, Done
from merpati.servers.imap.legal import Refused, capabilities
from merpati.services.sign_in import Channel, NotAuthorised, SignIn, channel
from merpati.services.sign_in import offered as mechanisms_offered
from merpati.store.quota import is_nearly_full
from merpati.wire import sasl
from merpati.wire.imap import commands, responses, session
from merpati.wire.imap.responses import Condition


def offered(client: Client) -> tuple[bytes, ...]:
    """The capabilities that this client is offered now."""
    services = client.services
    settings = services.settings
    more = [
        b"APPENDLIMIT=%d" % settings.message_size,  # RFC 7889
        b"MESSAGELIMIT=%d" % settings.messages_at_once,  # RFC 9738
    ]
    if settings.unauthenticate:
        more.append(b"UNAUTHENTICATE")
    if services.jmap_url:
        more.append(b"JMAPACCESS")
    if services.events is not None:  # RFC 6785 3.1: where scripts are looked after
        more.append(f"IMAPSIEVE=sieve://{services.hostname}".encode("ascii"))
    return capabilities(
        client.state,
        starttls=services.certificates is not None and client.connection.tls is None,
        mechanisms=_mechanisms(client) if _may_sign_in(client) else (),
        more=more,
    )


def _may_sign_in(client: Client) -> bool:
    """Passwords travel over TLS, or do not leave this machine."""
    local = client.login_without_tls and client.connection.peer in THIS_MACHINE
    return local or client.connection.tls is not None


def _mechanisms(client: Client) -> list[str]:
    return mechanisms_offered(client.services.login, _channel(client))


def _channel(client: Client) -> Channel:
    services = client.services
    return channel(services.login, services.certificates, client.connection.tls)


async def starttls(client: Client, command: commands.StartTls) -> Done:
    """RFC 3501 6.2.1. What follows is TLS, also what has come too early (CVE-2011-0411)."""
    certificates, connection = client.services.certificates, client.connection
    if certificates is None or connection.tls is not None or connection.compressed:
        raise Fault(Kind.BAD_SEQUENCE, "TLS is not available here")
    text = client.said("begin the TLS handshake")
    connection.write(responses.tagged(command.tag, Condition.OK, text))
    await connection.start_tls(certificates.asking, early=True)
    return ANSWERED


async def login(client: Client, command: commands.Login) -> Done:
    """LOGIN (RFC 3501 6.2.3)."""
    if not _may_sign_in(client):
        raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
    try:
        name = sasl.prepare_name(command.user)
        password = sasl.prepare_password(command.password)
    except SyntaxFault as fault:  # no error of grammar (RFC 9051 9): nobody is called so
        raise Fault(Kind.AUTH_FAILED, fault.text) from fault
    peer = client.connection.peer
    return _signed_in(client, await client.services.login.verify(name, password, peer, "imap"))


async def authenticate(client: Client, command: commands.Authenticate) -> Done:
    """AUTHENTICATE (RFC 3501 6.2.2), with an initial response or without (RFC 4959)."""
    if not _may_sign_in(client):
        raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
    services, connection = client.services, client.connection
    mechanism = command.mechanism.decode("ascii")
    mechanisms = _mechanisms(client)
    if mechanism not in mechanisms:
        raise Fault(Kind.UNSUPPORTED, f"the mechanisms are {', '.join(mechanisms)}")
    exchange = SignIn(services.login, mechanism, connection.peer, "imap", _channel(client))
    initial = None if command.initial is None else b64encode(command.initial) or b"="
    try:
        await exchange.begin(initial)
        while exchange.challenge is not None:
            connection.write(responses.challenge(exchange.challenge))
            await exchange.respond(await connection.read_line(sasl.RESPONSE_LIMIT + 2))
    except NotAuthorised as fault:
        raise Refused(fault.text, responses.AUTHORIZATIONFAILED) from fault
    assert exchange.account is not None
    return _signed_in(client, exchange.account)


def _signed_in(client: Client, account: Account) -> Done:
    client.account_id, client.account = account.id, account.address
    client.full = is_nearly_full(account.used, account.quota) or is_nearly_full(
        account.emails, account.quota_emails
    )
    return Done("signed in", responses.capability_code(offered(client)))


async def unauthenticate(client: Client, command: session.Unauthenticate) -> Done:
    """RFC 8437 3: all is as it was before signing in, but for TLS."""
    connection = client.connection
    if not client.services.settings.unauthenticate:
        raise Refused("this server does not let clients sign out", bad=True)
    if connection.compressed and connection.pending():
        client.end("nothing may follow UNAUTHENTICATE in compressed form")
        return ANSWERED
    watch.end(client)
    client.close()
    client.forget_user()
    connection.deadline(client.services.settings.login_timeout)
    code = responses.capability_code(offered(client))
    connection.write(responses.tagged(command.tag, Condition.OK, "signed out", code))
    connection.uncompress()
    return ANSWERED
