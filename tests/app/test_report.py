from __future__ import annotations

import time
from pathlib import Path

from merpati.wire.reports import aggregate, parcel
from merpati.wire.reports.aggregate import Published, Report, Row
from tests.app.conftest import Merpati


def report(domain: str = "a.id") -> bytes:
    now = int(time.time())
    rows = (
        Row(source_ip="192.0.2.1", count=1203, spf_aligned=True, header_from=domain),
        Row(source_ip="192.0.2.9", count=7, disposition="reject", header_from=domain),
    )
    return aggregate.render(
        Report(
            org_name="big.test", email="x@big.test", report_id="r1", begin=now - 7200,
            end=now - 3600, published=Published(domain=domain, p="reject"), rows=rows,
        )
    )  # fmt: skip


def test_before_the_first_report_it_says_how_to_get_one(merpati: Merpati) -> None:
    done = merpati("report", "show", "a.id")
    assert done.out.startswith("No report about a.id has come in the last 7 days.\nOthers send")


def test_reports_are_read_and_told(tmp_path: Path, merpati: Merpati) -> None:
    plain, packed = tmp_path / "r.xml", tmp_path / "r.xml.gz"
    plain.write_bytes(report())
    packed.write_bytes(parcel.pack(report()))
    done = merpati("report", "read", str(plain), str(packed))
    assert done.out == (
        "kept: big.test about a.id, r1\nknown already, or not about us: big.test about a.id, r1\n"
    )
    told = merpati("report", "show", "a.id", "--language", "en").out.splitlines()
    assert told[0].startswith("In the last 7 days 1,203 of 1,210 messages from a.id passed, by")
    assert told[1] == "7 came from 192.0.2.9 without a valid signature: all were refused."
    assert merpati("report", "show", "A.id", "--language", "id").out.startswith("Dalam 7 hari")
    shown = merpati("report", "show", "--json").json
    assert (shown[0]["messages"], shown[0]["passed"]) == (1210, 1203)


def test_what_is_no_report_is_refused_with_its_name(tmp_path: Path, merpati: Merpati) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(b"\xff\xd8cat")
    done = merpati("report", "read", str(file))
    assert done.status == 1
    assert done.err.startswith(f"merpati report: {file}: the report is not XML: ")
    missing = merpati("report", "read", str(tmp_path / "nothing"))
    assert missing.err.endswith("nothing cannot be read: No such file or directory\n")


def test_a_domain_that_is_not_ours_has_no_reports(merpati: Merpati) -> None:
    done = merpati("report", "show", "there.test")
    assert (done.status, done.err) == (1, "merpati report: there.test is not served here\n")
