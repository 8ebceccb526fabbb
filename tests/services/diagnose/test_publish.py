from __future__ import annotations

import dns.zone

from merpati.net.dns import Resolver
from merpati.services.diagnose import doctor, publish
from merpati.services.diagnose.findings import Machine, Severity
from merpati.services.diagnose.local import Local
from merpati.services.diagnose.publish import Home, SigningRecord
from merpati.wire.dkim import keys
from merpati.wire.mta_sts import Mode, Policy
from tests.services.diagnose.test_cases import read
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer

RSA = next(one for one in read("sound.toml")["home"]["keys"] if "rsa" in one["text"])
TLSA = "3 1 1 " + "ab" * 32
HOME = Home(
    domain="merpati.example",
    hostname="mail.merpati.example",
    ports={"smtp": 25, "submissions": 465, "imaps": 2993, "https": 443},
    keys=(SigningRecord("a._domainkey.merpati.example", RSA["text"]),),
    policy=Policy(Mode.TESTING, 86_400, ("mail.merpati.example",)),
    policy_id="20260101",
    tlsa=(TLSA,),
    issuer="letsencrypt.org",
)


def found(home: Home) -> dict[tuple[str, str], str]:
    return {(one.name, one.type): one.value for one in publish.records(home)}


async def test_who_publishes_the_zone_file_passes_the_doctor() -> None:
    zone = "\n".join(publish.zone_file(HOME))
    zone = zone.replace("; mail.merpati.example.", "mail.merpati.example.")
    zone = zone.replace(publish.ADDRESS, "192.0.2.1").replace(publish.ADDRESS_6, "2001:db8::1")
    dns.zone.from_text(zone, origin=".", check_origin=False)  # as name servers read it
    zone = zone.replace(f"$TTL {publish.TTL}", "")  # which DnsServer does not know
    machine = Machine(
        hostname=HOME.hostname, issuer="letsencrypt.org", tlsa=(TLSA,), certificates=()
    )
    async with DnsServer(zone) as server:
        server.authentic = True
        server.set("1.2.0.192.in-addr.arpa", "PTR", "mail.merpati.example.")
        six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        server.set(six, "PTR", "mail.merpati.example.")
        resolver = Resolver([server.nameserver], FakeClock(), attempts=1)
        here = await doctor.examine_machine(machine, Local(now=0.0), resolver)
        domain = await doctor.examine_domain(HOME, machine, resolver)
        await resolver.close()
    bad = [one for one in here + domain if one.severity is not Severity.OK]
    assert [one.check for one in bad] == ["certificate"]  # which no zone can mend
    assert {one.check for one in domain} >= {"mx", "spf", "dkim", "dmarc", "mta-sts", "srv"}


def test_only_services_on_offer_are_announced_at_their_ports() -> None:
    records = found(HOME)
    assert records["_imaps._tcp.merpati.example.", "SRV"] == "0 1 2993 mail.merpati.example."
    assert ("_imap._tcp.merpati.example.", "SRV") not in records
    assert ("_autodiscover._tcp.merpati.example.", "SRV") in records
    assert ("_autodiscover._tcp.a.id.", "SRV") not in found(
        Home(domain="a.id", hostname="b.id", ports={})
    )


def test_a_long_key_is_cut_into_strings_that_a_zone_can_hold() -> None:
    value = found(HOME)["a._domainkey.merpati.example.", "TXT"]
    strings = value.strip('"').split('" "')
    assert "".join(strings) == RSA["text"]
    assert [len(one) <= 255 for one in strings] == [True, True]
    assert value == keys.quote(RSA["text"])


def test_a_policy_is_announced_only_while_there_is_one() -> None:
    assert ("_mta-sts.merpati.example.", "TXT") in found(HOME)
    without = Home(domain="a.id", hostname="mail.a.id")
    ended = Home(
        domain="a.id", hostname="mail.a.id", policy=Policy(Mode.NONE, 86_400), policy_id="1"
    )
    for home in (without, ended):
        assert ("_mta-sts.a.id.", "TXT") not in found(home)


def test_internationalised_names_are_published_as_a_labels() -> None:
    records = found(Home(domain="faß.example", hostname="pošta.faß.example"))
    assert records["xn--fa-hia.example.", "MX"] == "10 xn--pota-5va.xn--fa-hia.example.".replace(
        "xn--pota-5va", "pošta".encode("idna").decode()
    )


def test_an_address_that_is_not_filled_in_does_not_load() -> None:
    assert all(line.startswith(";") for line in publish.zone_file(HOME) if "<" in line)
