"""AUTH (RFC 4954): carries the lines of a SASL exchange to and fro."""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.servers.smtp.client import Client
from merpati.servers.smtp.legal import Refused
from merpati.services.authorship import senders_of
from merpati.services.sign_in import SignIn, offered
from merpati.wire import sasl
from merpati.wire.smtp import commands

# The client may be right, and cannot be told so now.
LATER: Final = frozenset({Kind.TOO_MANY, Kind.UNAVAILABLE, Kind.IN_USE, Kind.CORRUPT})


async def auth(client: Client, command: commands.Auth) -> None:
    """RFC 4954 4."""
    if not client.signs_in:
        raise Fault(Kind.UNSUPPORTED, "sign in on the submission port, 465 or 587")
    if not client.may_authenticate:
        raise Fault(Kind.TLS_REQUIRED, "use STARTTLS before signing in")
    if client.account_id:
        raise Fault(Kind.BAD_SEQUENCE, "already signed in")
    services, connection = client.services, client.connection
    channel = client.channel
    mechanisms = offered(services.login, channel)
    if command.mechanism not in mechanisms:
        raise Refused(504, "5.5.4", f"the mechanisms are {', '.join(mechanisms)}")
    exchange = SignIn(services.login, command.mechanism, connection.peer, "smtp", channel)
    try:
        await _converse(client, exchange, command.initial)
    except Fault as fault:
        if fault.kind in LATER:  # RFC 4954 6
            raise Refused(454, "4.7.0", fault.text) from fault
        raise
    connection.write(b"235 2.7.0 Signed in\r\n")


async def _converse(client: Client, exchange: SignIn, initial: bytes | None) -> None:
    """The lines of the exchange, to its good end."""
    await exchange.begin(initial)
    while exchange.challenge is not None:
        client.connection.write(b"334 %b\r\n" % exchange.challenge)
        await exchange.respond(await _response(client))
    assert exchange.account is not None
    await signed_in(client, exchange.account)


async def _response(client: Client) -> bytes:
    try:
        return await client.connection.read_line(sasl.RESPONSE_LIMIT + 2)
    except Fault as fault:
        if fault.kind is Kind.TOO_LARGE:  # RFC 4954 4
            raise Refused(500, "5.5.6", fault.text) from None
        raise


async def signed_in(client: Client, account: Account) -> None:
    """From now on the client speaks for an account."""
    services = client.services
    senders = await services.store.read(senders_of, account, services.router.settings)
    client.account_id, client.account = account.id, account.address
    client.senders = senders
    client.origins = {}
