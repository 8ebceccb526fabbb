"""Commands that tell of the server or change how a session speaks.

CAPABILITY, ID (RFC 2971), ENABLE (RFC 5161), LANGUAGE (RFC 5255), COMPRESS (RFC 4978),
GETJMAPACCESS (RFC 9698).
"""

from __future__ import annotations

from typing import Final

from merpati import __version__
from merpati.base.faults import Fault, Kind
from merpati.servers.imap.client import ANSWERED, Client, Done
from merpati.servers.imap.legal import ENABLES, Refused
from merpati.servers.imap.mailboxes import namespaces
from merpati.servers.imap.sign_in import offered
from merpati.wire.imap import commands, responses, session, texts
from merpati.wire.imap.responses import Condition

SERVER_ID: Final[dict[bytes, bytes | None]] = {  # RFC 2971 3.3
    b"name": b"Merpati",
    b"version": __version__.encode("ascii"),
}
DEFLATE: Final = b"DEFLATE"


async def capability(client: Client, _command: commands.Capability) -> Done:
    """CAPABILITY."""
    client.connection.write(responses.capability(offered(client)))
    return Done("CAPABILITY completed")


async def id_(client: Client, _command: commands.Id) -> Done:
    """ID."""
    client.connection.write(responses.server_id(SERVER_ID))
    return Done("ID completed")


async def enable(client: Client, command: commands.Enable) -> Done:
    """RFC 5161; QRESYNC brings CONDSTORE (RFC 7162 3.2.3), IMAP4rev2 what UTF8=ACCEPT does too.

    For names and strings that is (RFC 9051 5.1, RFC 6855 3, RFC 9755 3).
    """
    enabled = [name for name in ENABLES if name.upper() in command.capabilities]
    client.connection.write(responses.enabled(enabled))
    client.rev2 |= b"IMAP4rev2" in enabled
    client.utf8 |= client.rev2 or b"UTF8=ACCEPT" in enabled
    client.uidonly |= b"UIDONLY" in enabled
    if client.uidonly and client.view is not None:
        for context in client.view.contexts:  # no numbers are told from here on
            context.uid = True
    client.qresync |= b"QRESYNC" in enabled
    if client.qresync or b"CONDSTORE" in enabled:
        client.enable_condstore()
    return Done("ENABLE completed")


async def language(client: Client, command: session.Language) -> Done:
    """RFC 5255 3.2."""
    if not command.wanted:
        client.connection.write(session.languages(texts.LISTED))
        return Done("LANGUAGE completed")
    found = texts.chosen(command.wanted)
    if found is None:
        raise Refused("those languages are not spoken here")
    client.connection.write(session.languages((found,)))
    client.language = found
    if client.account_id and found != texts.ENGLISH:  # RFC 5255 3.4
        client.connection.write(namespaces(client))
    return Done("LANGUAGE completed")


async def compress(client: Client, command: session.Compress) -> Done:
    """RFC 4978 3; after it, and after anything that came too early, all is compressed."""
    connection = client.connection
    if command.mechanism != DEFLATE:
        raise Refused("the only compression is DEFLATE")
    if connection.compressed:
        raise Refused("this connection is compressed already", session.COMPRESSIONACTIVE)
    if connection.pending():
        client.end("nothing may follow COMPRESS before it is answered")
        return ANSWERED
    text = client.said("COMPRESS completed")
    connection.write(responses.tagged(command.tag, Condition.OK, text))
    connection.compress()
    return ANSWERED


async def get_jmap_access(client: Client, _command: session.GetJmapAccess) -> Done:
    """RFC 9698 3."""
    url = client.services.jmap_url
    if not url:
        raise Fault(Kind.UNSUPPORTED, "there is no JMAP here")
    client.connection.write(session.jmap_access(url))
    return Done("GETJMAPACCESS completed")
