from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merpati.services.backup.keep import BackupSettings, kept
from merpati.services.backup.snapshot import moment, stamp


def name(at: datetime) -> str:
    return f"{stamp(int(at.timestamp() * 1000))}-0123456789abcdef"


def days(count: int) -> list[str]:
    """A snapshot for each of so many days, the last on 22 November 2026."""
    last = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
    return [name(last - timedelta(days=n)) for n in reversed(range(count))]


def test_a_name_tells_its_moment() -> None:
    at = datetime(2026, 11, 22, 2, 30, 5, tzinfo=UTC)
    assert moment(name(at)) == at


def test_days_weeks_and_months_are_kept_as_many_as_wanted() -> None:
    stays = sorted(kept(days(400), 7, 4, 12))
    shown = [moment(one).strftime("%m-%d") for one in stays]
    assert shown[-7:] == ["11-16", "11-17", "11-18", "11-19", "11-20", "11-21", "11-22"]
    assert shown[:-7] == [
        *("12-31", "01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31"),
        *("09-30", "10-31", "11-01", "11-08", "11-15"),
    ]


def test_of_a_day_the_last_is_kept() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    names = [name(at + timedelta(hours=n)) for n in range(5)]
    assert kept(names, 7, 0, 0) == {names[-1]}


def test_the_last_one_stays_whatever_the_settings() -> None:
    names = days(3)
    assert kept(names, 0, 0, 0) == {names[-1]}
    assert kept([], 7, 4, 12) == set()


@pytest.mark.parametrize("time", ["24:00", "2:30", "0230", "12:60", "", "aa:bb"])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        BackupSettings(time=time)
