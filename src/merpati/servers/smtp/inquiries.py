"""Commands beside the mail itself: VRFY, EXPN, ETRN, HELP, NOOP and QUIT."""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Route
from merpati.model.queue import ANY_TLS
from merpati.servers.smtp.client import Client
from merpati.servers.smtp.legal import Refused
from merpati.servers.smtp.policy import EVERYONE, NOBODY
from merpati.store import directory, queue_admin
from merpati.store.engine import Transaction
from merpati.store.queue_admin import Selection
from merpati.wire.smtp import commands, replies
from merpati.wire.smtp.paths import Path, parse_address

OK: Final = b"250 2.0.0 OK\r\n"
BYE: Final = b"221 2.0.0 Bye\r\n"
MEMBERS_MAX: Final = 100  # of a list that EXPN shows


async def vrfy(client: Client, command: commands.Vrfy) -> None:
    """RFC 5321 3.5.3: neither yes nor no to strangers, so that nobody harvests addresses."""
    if not _may_ask(client):
        client.connection.write(replies.render(252, "2.1.5", "send it, and it will be tried"))
        return
    route = await client.services.router.route(_path(command.text), relay=False)
    _tell(client, f"<{route.address}>", utf8=command.smtputf8)


async def expn(client: Client, command: commands.Expn) -> None:
    """RFC 5321 3.5.2: where an address leads."""
    if not _may_ask(client):
        raise Fault(Kind.UNSUPPORTED, "lists are not expanded for strangers")
    route = await client.services.router.route(_path(command.text), relay=False)
    members = await client.services.store.read(_members, route)
    text = "\n".join(f"<{member}>" for member in members[:MEMBERS_MAX])
    _tell(client, text, utf8=command.smtputf8)


def _tell(client: Client, text: str, *, utf8: bool) -> None:
    """Addresses, in UTF-8 for whom that is clear; the others hear that there is one."""
    if not (utf8 or text.isascii()):  # RFC 6531 3.7.4.2
        client.connection.write(replies.render(252, "2.6.8", "ask again with SMTPUTF8"))
        return
    client.connection.write(replies.render(250, "2.1.5", text, utf8=utf8))


def _may_ask(client: Client) -> bool:
    policy = client.services.settings.verify
    return policy == EVERYONE or (policy != NOBODY and client.account_id != 0 and client.signs_in)


def _path(text: str) -> Path:
    """What VRFY and EXPN were asked about: an address, in angle brackets or not."""
    path = parse_address(text)
    if path.is_null:
        raise Fault(Kind.NOT_FOUND, "the null path is nobody")
    return path


async def _members(tx: Transaction, route: Route) -> list[str]:
    found = [await directory.account_by_id(tx, one) for one in route.accounts[:MEMBERS_MAX]]
    return [one.address for one in found if one is not None] + [one for one, _ in route.remote]


async def etrn(client: Client, command: commands.Etrn) -> None:
    """RFC 1985: what waits for a domain is tried now."""
    if not (client.proxy or (client.account_id and client.signs_in)):
        raise Refused(459, "4.7.1", "the queue is not for strangers")
    services = client.services
    name = command.name.removeprefix("@")
    domains = [name] if name == command.name else [name, f"*.{name}"]
    patterns = [way + domain for domain in domains for way in ("", ANY_TLS)]
    now = int(services.clock.now() * 1000)
    count = 0
    for pattern in patterns:
        meant = Selection(destination=pattern)
        count += await services.store.write(queue_admin.retry, meant, now)
    if count:
        client.connection.write(replies.render(250, "2.0.0", f"{count} recipients are tried now"))
    else:
        client.connection.write(replies.render(251, "2.0.0", f"nothing waits for {command.name}"))


def help_(client: Client, _command: commands.Help) -> None:
    """RFC 5321 4.1.1.8."""
    client.connection.write(replies.render(214, "2.0.0", "RFC 5321 says it all"))


def noop(client: Client, _command: commands.Noop) -> None:
    """RFC 5321 4.1.1.9."""
    client.connection.write(OK)


def leave(client: Client, _command: commands.Quit) -> None:
    """RFC 5321 4.1.1.10."""
    client.over = True
    client.connection.write(BYE)
