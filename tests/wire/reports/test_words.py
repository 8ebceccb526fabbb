from __future__ import annotations

import pytest

from merpati.wire.reports import words
from merpati.wire.reports.words import SHOWN, Failing, Summary, sentences


def summary(*failing: Failing, policy: str = "reject", good: int = 1000) -> Summary:
    bad = sum(one.messages for one in failing)
    return Summary(
        domain="here.test", days=7, organizations=5, policy=policy, messages=good + bad,
        passed=good, failing=failing,
    )  # fmt: skip


def test_where_all_is_well_one_sentence_is_enough() -> None:
    assert sentences(summary()) == [
        (
            "In the last 7 days all 1,000 messages from here.test passed,"
            " by the reports of 5 organizations."
        )
    ]


def test_where_nothing_came_it_says_how_reports_are_asked_for() -> None:
    told = sentences(Summary(domain="here.test", days=7))
    assert told[0] == "No report about here.test has come in the last 7 days."
    assert "merpati dns here.test" in told[1]


@pytest.mark.parametrize(
    ("failing", "wanted"),
    [
        (
            Failing(source_ip="192.0.2.9", messages=7, refused=7),
            "7 came from 192.0.2.9 without a valid signature: all were refused.",
        ),
        (
            Failing(source_ip="192.0.2.9", messages=7, refused=4, junked=2, signer="x.test"),
            (
                "7 came from 192.0.2.9 with a signature of x.test only:"
                " 4 were refused, 2 put into Junk, 1 delivered all the same."
            ),
        ),
        (
            Failing(source_ip="2001:db8::1", messages=1200, junked=1200, envelope="y.test"),
            (
                "1,200 came from 2001:db8::1 without a valid signature (returned to y.test):"
                " all were put into Junk."
            ),
        ),
    ],
)
def test_each_source_is_told(failing: Failing, wanted: str) -> None:
    assert sentences(summary(failing))[1] == wanted


def test_many_sources_are_added_up() -> None:
    many = [Failing(source_ip=f"192.0.2.{n}", messages=2, refused=2) for n in range(SHOWN + 3)]
    told = sentences(summary(*many))
    assert told[SHOWN + 1] == "6 more came from 3 other addresses."


def test_a_stricter_policy_is_proposed_only_when_it_hurts_nobody() -> None:
    bad = Failing(source_ip="192.0.2.9", messages=900)
    assert "stricter" in sentences(summary(policy="none"))[-1]
    assert "stricter" not in sentences(summary(bad, policy="none"))[-1]
    assert "stricter" not in sentences(summary(policy="reject"))[-1]


def test_both_languages_say_the_same_things() -> None:
    english, indonesian = words._WORDS["en"], words._WORDS["id"]
    assert english.keys() == indonesian.keys()
    told = sentences(summary(Failing(source_ip="192.0.2.9", messages=7, refused=7)), "id")
    assert told[1] == "7 pesan datang dari 192.0.2.9 tanpa tanda tangan yang sah: semua ditolak."
    assert sentences(summary(), "fr") == sentences(summary())
