"""`merpati tls`, on an installation without a running server."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from merpati.store import certificates, transport
from merpati.store.certificates import Certificate
from merpati.store.sqlite import SqliteStore
from merpati.store.transport import Received
from merpati.wire import tls_report
from merpati.wire.tls_report import (
    AppliedPolicy,
    DateRange,
    FailureDetails,
    PolicyReport,
    Report,
    Summary,
)
from tests.app.conftest import Merpati
from tests.scenarios.conftest import names
from tests.support.dns import DnsServer

__all__ = ["names"]

REPORT = Report(
    "Example", DateRange("2027-01-14T00:00:00Z", "2027-01-14T23:59:59Z"), "", "1",
    (
        PolicyReport(
            AppliedPolicy("sts", "a.id"), Summary(5, 2), (FailureDetails("certificate-expired", 2),)
        ),
    ),
)  # fmt: skip


def store(folder: Path, unit: object, *args: object) -> None:
    async def work() -> None:
        one = SqliteStore(folder / "data" / "merpati.sqlite")
        await one.write(unit, *args)  # type: ignore[arg-type]
        await one.close()

    asyncio.run(work())


def test_the_certificate_that_init_made_is_listed_with_its_tlsa_record(merpati: Merpati) -> None:
    done = merpati("tls", "list")
    assert re.search(r"^mail\.a\.id +20\d\d-\d\d-\d\d [\d:]+ +by hand$", done.out, re.MULTILINE)
    assert re.search(
        r"^_25\._tcp\.mail\.a\.id\. IN TLSA 3 1 1 [0-9a-f]{64}$", done.out, re.MULTILINE
    )
    [one] = merpati("tls", "list", "--json").json
    assert one["name"] == "mail.a.id"
    assert one["ends"] > time.time() * 1000


def test_an_order_that_failed_says_why(merpati: Merpati, folder: Path) -> None:
    failed = Certificate("mta-sts.a.id", ("mta-sts.a.id",), failures=1, problem="no such name")
    store(folder, certificates.keep, failed)
    done = merpati("tls", "list")
    assert re.search(r"^mta-sts\.a\.id +none yet", done.out, re.MULTILINE)
    assert "mta-sts.a.id: no such name\n" in done.out
    assert merpati("tls", "renew", "mta-sts.a.id").status == 0
    assert merpati("tls", "renew", "other.id") == (
        1, "", "merpati tls: no certificate of other.id was ever ordered; see: merpati tls list\n"
    )  # fmt: skip


def test_a_policy_is_hosted_and_its_records_are_shown(merpati: Merpati) -> None:
    done = merpati("tls", "mta-sts", "a.id", "testing")
    assert done.status == 0
    assert "\nmta-sts.a.id. IN CNAME mail.a.id.\n" in done.out
    first = re.search(r'_mta-sts\.a\.id\. IN TXT "v=STSv1; id=(\w+);"', done.out)
    second = re.search(r"id=(\w+);", merpati("tls", "mta-sts", "a.id", "enforce").out)
    assert first
    assert second
    assert first[1] != second[1]
    assert "hosted for a.id any more" in merpati("tls", "mta-sts", "a.id", "remove").out
    assert merpati("tls", "mta-sts", "a.id", "remove").status == 1
    assert merpati("tls", "mta-sts", "b.id", "testing").status == 1


def test_reports_are_told_in_words(merpati: Merpati, folder: Path) -> None:
    assert "No report yet" in merpati("tls", "reports").out
    packed = tls_report.pack(REPORT)
    store(folder, transport.keep_report, Received("a.id", "Example", "1", 1, 5, 2, packed))
    done = merpati("tls", "reports", "a.id")
    assert "2 of 7 connections were not as promised.\n" in done.out
    assert "has expired" in done.out
    assert "kedaluwarsa" in merpati("tls", "reports", "--language", "id").out
    assert merpati("tls", "reports", "--json").json[0]["organization-name"] == "Example"
    assert "No report yet" in merpati("tls", "reports", "b.id").out


def test_what_is_verified_for_another_domain_is_told(
    merpati: Merpati, folder: Path, names: DnsServer
) -> None:
    names.set("there.id", "MX", "10 mx.there.id.")
    names.set("mx.there.id", "A", "192.0.2.1")
    file = folder / "merpati.toml"
    before = file.read_text()
    host, port = names.nameserver
    file.write_text(
        re.sub("#nameservers = .*", f'nameservers = ["{host}:{port}"]', before, count=1)
    )
    try:
        done = merpati("tls", "policy", "there.id")
        words = "certificate not checked: there.id publishes neither DANE nor MTA-STS"
        assert (done.out, done.err) == (f"mx.there.id: {words}\n", "")
        names.authentic = True
        names.set("_25._tcp.mx.there.id", "TLSA", f"3 1 1 {'00' * 32}")
        [one] = merpati("tls", "policy", "there.id", "--json").json
        assert one["mode"] == "required"
        assert "verified by DANE" in one["why"]
        assert merpati("tls", "policy", "nowhere.id").status == 1
    finally:
        file.write_text(before)
