"""What mail programs are told, so that nobody has to type server names.

- Thunderbird's autoconfig, `config-v1.1.xml`, which many others read too;
- Autodiscover: the XML of Outlook ("plain old XML", MS-OXDSCLI), and the JSON of its version 2;
- Apple's configuration profiles, `.mobileconfig`.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

from msgspec import Struct

from merpati.base.faults import SyntaxFault

REQUEST_MAX: Final = 16_384  # bytes of an Autodiscover request; real ones have 500
OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"

_ADDRESS: Final = re.compile(rb"<EMailAddress>\s*([^<>\s]{3,254}@[^<>\s]{1,253})\s*</EMailAddress>")
_PLAIN: Final = re.compile(r"[^@\s<>\"']{1,64}@[A-Za-z0-9.\u0080-\U0010ffff-]{1,253}")


class Server(Struct, frozen=True):
    """One service to set up: "imap", "pop3" or "smtp"; TLS from the start, or by STARTTLS."""

    protocol: str
    host: str
    port: int
    implicit_tls: bool


class Setup(Struct, frozen=True):
    """All of it, the best of each protocol first; `webmail` is an address, or empty.

    `oauth` is the issuer of tokens, or empty where there are none.
    """

    servers: Sequence[Server]
    webmail: str = ""
    oauth: str = ""

    def best(self, protocol: str) -> Server | None:
        """The server to use for a protocol."""
        return next((one for one in self.servers if one.protocol == protocol), None)


def check_address(text: str) -> str:
    """An address that somebody asks about. Raises SyntaxFault."""
    if _PLAIN.fullmatch(text) is None or not text.isprintable():
        raise SyntaxFault("that is no address")
    return text


def autoconfig(setup: Setup, domain: str) -> str:
    """The document that Thunderbird reads (version 1.1)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<clientConfig version="1.1">',
        f'  <emailProvider id="{escape(domain)}">',
        f"    <domain>{escape(domain)}</domain>",
        f"    <displayName>{escape(domain)}</displayName>",
        f"    <displayShortName>{escape(domain)}</displayShortName>",
    ]
    for one in setup.servers:
        tag = "outgoingServer" if one.protocol == "smtp" else "incomingServer"
        lines += [
            f'    <{tag} type="{one.protocol}">',
            f"      <hostname>{escape(one.host)}</hostname>",
            f"      <port>{one.port}</port>",
            f"      <socketType>{'SSL' if one.implicit_tls else 'STARTTLS'}</socketType>",
            "      <username>%EMAILADDRESS%</username>",
            "      <authentication>password-cleartext</authentication>",
            *(["      <authentication>OAuth2</authentication>"] if setup.oauth else []),
            f"    </{tag}>",
        ]
    lines.append("  </emailProvider>")
    if setup.webmail:
        page = escape(setup.webmail, {'"': "&quot;"})
        lines.append(f'  <webMail><loginPage url="{page}"/></webMail>')
    if setup.oauth:
        lines += [
            "  <oAuth2>",
            f"    <issuer>{escape(setup.oauth)}</issuer>",
            "    <scope>mail offline_access</scope>",
            f"    <authURL>https://{escape(setup.oauth)}/oauth/authorize</authURL>",
            f"    <tokenURL>https://{escape(setup.oauth)}/oauth/token</tokenURL>",
            "  </oAuth2>",
        ]
    lines += ["</clientConfig>", ""]
    return "\n".join(lines)


def autodiscover_address(body: bytes) -> str:
    """The address in a request of Outlook. Raises SyntaxFault.

    Searched for as text: there is nothing else in the document that matters, and a parser of XML
    is a large thing to hand to strangers.
    """
    if len(body) > REQUEST_MAX:
        raise SyntaxFault(f"the request has more than {REQUEST_MAX} bytes")
    found = _ADDRESS.search(body)
    try:
        return check_address(found[1].decode() if found is not None else "")
    except UnicodeDecodeError:
        raise SyntaxFault("the request is not in UTF-8") from None


def autodiscover(setup: Setup, address: str) -> str:
    """The answer for Outlook and others."""
    protocols = [
        "      <Protocol>"
        f"<Type>{one.protocol.upper()}</Type><Server>{escape(one.host)}</Server>"
        f"<Port>{one.port}</Port><LoginName>{escape(address)}</LoginName>"
        "<DomainRequired>off</DomainRequired><SPA>off</SPA>"
        f"<SSL>{'on' if one.implicit_tls else 'off'}</SSL>"
        f"<Encryption>{'SSL' if one.implicit_tls else 'TLS'}</Encryption>"
        "<AuthRequired>on</AuthRequired>"
        + ("<UsePOPAuth>on</UsePOPAuth><SMTPLast>off</SMTPLast>" if one.protocol == "smtp" else "")
        + "</Protocol>"
        for one in setup.servers
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f'<Autodiscover xmlns="{RESPONSE}">',
            f'  <Response xmlns="{OUTLOOK}">',
            f"    <User><DisplayName>{escape(address)}</DisplayName></User>",
            "    <Account><AccountType>email</AccountType><Action>settings</Action>",
            *protocols,
            "    </Account>",
            "  </Response>",
            "</Autodiscover>",
            "",
        ]
    )


def profile(setup: Setup, address: str, name: str, password: str = "") -> bytes:
    """Apple's configuration profile for an address, not signed; the device asks without `password`.

    Its identifiers depend on the address alone, so that a second one replaces the first.

    Raises:
        SyntaxFault: there is no IMAP or no SMTP to set up.
    """
    incoming, outgoing = setup.best("imap"), setup.best("smtp")
    if incoming is None or outgoing is None:
        raise SyntaxFault("IMAP and SMTP are not both served here")
    identifier = f"merpati.{'.'.join(reversed(address.rpartition('@')[2].split('.')))}.mail"
    account: dict[str, Any] = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.account",
        "PayloadUUID": _uuid(f"account:{address}"),
        "PayloadDisplayName": address,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": address,
        "EmailAccountName": name or address,
        "EmailAddress": address,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    for way, one in (("Incoming", incoming), ("Outgoing", outgoing)):
        account |= {
            f"{way}MailServerAuthentication": "EmailAuthPassword",
            f"{way}MailServerHostName": one.host,
            f"{way}MailServerPortNumber": one.port,
            f"{way}MailServerUseSSL": True,
            f"{way}MailServerUsername": address,
        }
    if password:
        account["IncomingPassword"] = account["OutgoingPassword"] = password
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": _uuid(f"profile:{address}"),
            "PayloadDisplayName": address,
            "PayloadOrganization": address.rpartition("@")[2],
            "PayloadContent": [account],
        }
    )


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"merpati:{name}")).upper()
