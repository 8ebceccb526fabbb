"""Requests for the set-up of mail programs, and answers made of what strangers send."""

from __future__ import annotations

import plistlib
from xml.etree import ElementTree as ET

from merpati.base.faults import SyntaxFault
from merpati.wire import client_setup
from merpati.wire.client_setup import Server, Setup

SEEDS: list[bytes] = [
    b"<Autodiscover><Request><EMailAddress>ani@example.org</EMailAddress></Request></Autodiscover>",
    b"<EMailAddress> \xc3\xa9@b\xc3\xbcro.example </EMailAddress>",
]
DICTIONARY: list[bytes] = [
    b"<EMailAddress>",
    b"</EMailAddress>",
    b"@",
    b"&amp;",
    b"]]>",
    b"<![CDATA[",
]
SETUP = Setup([Server("imap", "a.test", 993, implicit_tls=True),
               Server("smtp", "a.test", 587, implicit_tls=False)])  # fmt: skip


def target(data: bytes) -> None:
    try:
        address = client_setup.autodiscover_address(data)
    except SyntaxFault:
        return
    try:
        ET.fromstring(client_setup.autodiscover(SETUP, address))
        ET.fromstring(client_setup.autoconfig(SETUP, address.rpartition("@")[2]))
        plistlib.loads(client_setup.profile(SETUP, address, address))
    except ET.ParseError as problem:
        raise AssertionError(f"no XML for {address!r}") from problem
