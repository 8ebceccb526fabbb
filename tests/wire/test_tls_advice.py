from __future__ import annotations

import pytest
from msgspec.structs import replace

from merpati.wire import tls_advice
from merpati.wire.tls_report import (
    AppliedPolicy,
    DateRange,
    FailureDetails,
    PolicyReport,
    Report,
    ResultType,
    Summary,
)

GOOD = PolicyReport(AppliedPolicy("sts", "there.test"), Summary(12, 0))
REPORT = Report("Example", DateRange("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), "", "1")


def failing(*details: FailureDetails) -> Report:
    bad = sum(one.failed_session_count for one in details)
    policy = AppliedPolicy("sts", "there.test")
    return replace(REPORT, policies=(PolicyReport(policy, Summary(10, bad), details),))


def test_a_good_day_is_told_in_two_lines() -> None:
    assert tls_advice.sentences(replace(REPORT, policies=(GOOD,))) == [
        "Example reports on mail to there.test from 2026-01-01 to 2026-01-02.",
        "All 12 connections were encrypted as promised; there is nothing to do.",
    ]


def test_failures_are_told_with_what_to_do_the_most_frequent_first() -> None:
    report = failing(
        FailureDetails("tlsa-invalid", 1, "", "a.there.test"),
        FailureDetails("certificate-expired", 2, "", "b.there.test"),
        FailureDetails("certificate-expired", 3, "", "b.there.test"),
    )
    lines = tls_advice.sentences(report, "en")
    assert lines[1] == "6 of 16 connections were not as promised."
    assert lines[2].startswith("5 times at b.there.test: the certificate has expired. Renew it")
    assert lines[3].startswith("1 times at a.there.test: the TLSA record")


def test_the_same_is_told_in_indonesian() -> None:
    report = failing(FailureDetails("certificate-expired", 2, "", "b.there.test"))
    lines = tls_advice.sentences(report, "id")
    assert lines[1] == "2 dari 12 koneksi tidak seperti yang dijanjikan."
    assert "sudah kedaluwarsa" in lines[2]


@pytest.mark.parametrize("language", tls_advice.LANGUAGES)
@pytest.mark.parametrize("result", ResultType)
def test_every_reason_is_explained_in_every_language(result: ResultType, language: str) -> None:
    reason, advice = tls_advice.explain(result, language)
    assert reason.endswith(".")
    assert advice


def test_a_reason_of_later_days_is_given_in_its_own_words_on_one_line() -> None:
    report = failing(FailureDetails("new\r\nreason", 2))
    line = tls_advice.sentences(report)[2]
    assert line == '2 times at any server: the reason given is "new reason".'


def test_a_report_of_nothing_but_trouble_stays_short() -> None:
    details = [FailureDetails(f"reason-{n}", 1) for n in range(50)]
    lines = tls_advice.sentences(failing(*details))
    assert len(lines) == 2 + tls_advice.MAX_FAILURES + 1
    assert "30 more reasons" in lines[-1]
