from __future__ import annotations

import plistlib
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from merpati.store import directory
from tests.support.server import ANA, DOMAIN, HOSTNAME
from tests.support.sign_in import SignInInstance

OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[SignInInstance]:
    async with SignInInstance(tmp_path) as made:
        yield made


def as_thunderbird(text: bytes) -> list[dict[str, str]]:
    """What Thunderbird takes from the document (its readFromXML), the username filled in."""
    root = ET.fromstring(text)
    assert (root.tag, root.attrib["version"]) == ("clientConfig", "1.1")
    provider = root.find("emailProvider")
    assert provider is not None
    found = []
    for tag in ("incomingServer", "outgoingServer"):
        for server in provider.iter(tag):
            one = {child.tag: child.text or "" for child in reversed(server)}
            one["type"] = server.attrib["type"]
            one["username"] = one["username"].replace("%EMAILADDRESS%", ANA)
            assert one["socketType"] in {"SSL", "STARTTLS"}
            assert one["authentication"] in {"password-cleartext", "OAuth2"}
            found.append(one)
    return found


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (f"/mail/config-v1.1.xml?emailaddress={ANA}", "autoconfig.example.org"),
        ("/mail/config-v1.1.xml", "autoconfig.example.org"),
        ("/.well-known/autoconfig/mail/config-v1.1.xml", "example.org"),
        (f"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={ANA}", HOSTNAME),
    ],
)
async def test_thunderbird_finds_the_servers(
    instance: SignInInstance, path: str, host: str
) -> None:
    answer = await instance.site.get(path, host=host)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/xml")
    servers = as_thunderbird(answer.body)
    assert [(one["type"], one["port"], one["socketType"]) for one in servers] == [
        ("imap", "993", "SSL"), ("imap", "143", "STARTTLS"), ("smtp", "465", "SSL"),
    ]  # fmt: skip
    assert {one["hostname"] for one in servers} == {HOSTNAME}
    assert {one["username"] for one in servers} == {ANA}


async def test_a_domain_alias_is_known_too(instance: SignInInstance) -> None:
    await instance.store.write(directory.add_domain_alias, "example.com", DOMAIN, 0)
    answer = await instance.site.get("/mail/config-v1.1.xml", host="autoconfig.example.com")
    assert answer.status == 200


@pytest.mark.parametrize(
    "address", ["x@elsewhere.example", "x", "", "a@b@c", '"><x>@example.org', "x@" + "a" * 3000]
)
async def test_other_domains_are_not_served(instance: SignInInstance, address: str) -> None:
    for path in ("/mail/config-v1.1.xml?emailaddress=", "/auth/profile.mobileconfig?address="):
        answer = await instance.site.get(path + quote(address), host="elsewhere.example")
        if address.endswith("@example.org"):
            assert b"<x>" not in answer.body
        else:
            assert answer.status in {400, 404}


async def test_which_addresses_there_are_is_not_told(instance: SignInInstance) -> None:
    path = "/mail/config-v1.1.xml?emailaddress="
    one = await instance.site.get(path + ANA)
    other = await instance.site.get(path + "nobody@example.org")
    assert (one.status, one.body) == (other.status, other.body)


def outlook(address: str) -> bytes:
    request = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
    return (
        f'<?xml version="1.0"?><Autodiscover xmlns="{request}"><Request>'
        f"<EMailAddress>{address}</EMailAddress></Request></Autodiscover>"
    ).encode()


async def test_outlook_finds_the_servers(instance: SignInInstance) -> None:
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
        answer = await instance.site.ask("POST", path, outlook(ANA), content_type="text/xml")
        assert answer.status == 200
        found = [
            {child.tag.removeprefix(OUTLOOK): child.text for child in one}
            for one in ET.fromstring(answer.body).iter(f"{OUTLOOK}Protocol")
        ]
        assert [(one["Type"], one["Port"], one["SSL"]) for one in found] == [
            ("IMAP", "993", "on"), ("IMAP", "143", "off"), ("SMTP", "465", "on"),
        ]  # fmt: skip
        assert {one["LoginName"] for one in found} == {ANA}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<x/>", outlook("nobody"), outlook("a@elsewhere.example"), b"\xff" * 100,
        b"<EMailAddress>" * 1000,
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><EMailAddress>&a;@example.org</EMailAddress>',
        b"x" * 20_000,
    ],
)  # fmt: skip
async def test_requests_that_are_none_are_refused(instance: SignInInstance, body: bytes) -> None:
    answer = await instance.site.ask("POST", "/autodiscover/autodiscover.xml", body)
    assert answer.status in {200, 400, 404}
    if answer.status == 200:
        assert b"aaaa" not in answer.body
        ET.fromstring(answer.body)


async def test_version_2_of_autodiscover_leads_to_version_1(instance: SignInInstance) -> None:
    answer = await instance.site.get(
        f"/autodiscover/autodiscover.json?Email={ANA}&Protocol=AutodiscoverV1"
    )
    assert urlsplit(answer.json["Url"]).path == "/autodiscover/autodiscover.xml"
    other = await instance.site.get(f"/autodiscover/autodiscover.json/v1.0/{ANA}?Protocol=EWS")
    assert (other.status, other.json["ErrorCode"]) == (400, "InvalidProtocol")


def opened(data: bytes, folder: Path) -> dict[str, Any]:
    """A signed profile, after its signature was checked."""
    (folder / "signed").write_bytes(data)
    done = subprocess.run(
        [
            "openssl", "cms", "-verify", "-inform", "DER", "-in", str(folder / "signed"),
            "-CAfile", str(folder / "cert.pem"), "-purpose", "any", "-binary",
        ],
        capture_output=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = plistlib.loads(done.stdout)
    return found


async def test_a_profile_sets_up_a_phone(instance: SignInInstance, tmp_path: Path) -> None:
    answer = await instance.site.get(f"/auth/profile.mobileconfig?address={ANA}")
    assert answer.headers["content-type"] == "application/x-apple-aspen-config"
    [account] = opened(answer.body, tmp_path)["PayloadContent"]
    assert account["IncomingMailServerHostName"] == HOSTNAME
    assert account["IncomingMailServerPortNumber"] == 993
    assert account["OutgoingMailServerPortNumber"] == 465
    assert account["OutgoingMailServerUsername"] == ANA
    assert "IncomingPassword" not in account


async def test_a_scanned_code_leads_to_a_profile_with_the_password(
    instance: SignInInstance, tmp_path: Path
) -> None:
    ana = await instance.signed_in()
    given = {"name": "Phone", "protocols": ["imap", "smtp"]}
    made = (await ana.post("/auth/app-passwords", given)).json
    assert made["qr"].startswith("<svg")
    path = urlsplit(made["profile"]).path
    assert re.fullmatch(r"/auth/profile/[\w-]{32}", path)
    answer = await instance.site.get(path)
    [account] = opened(answer.body, tmp_path)["PayloadContent"]
    assert account["IncomingPassword"] == account["OutgoingPassword"] == made["password"]
    assert "no-store" in answer.headers["cache-control"]
    instance.clock.advance(601)
    assert (await instance.site.get(path)).status == 404
    assert made["password"].encode() not in (instance.folder / "merpati.db").read_bytes()
