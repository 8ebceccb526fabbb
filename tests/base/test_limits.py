from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import Fault, Kind
from merpati.base.limits import Concurrency, RateLimit, address_key
from tests.support.clock import FakeClock


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = FakeClock()
    limit = RateLimit(2, 5, clock)
    assert [limit.take("a") for _ in range(6)] == [True] * 5 + [False]
    clock.advance(0.5)
    assert limit.take("a")
    assert not limit.take("a")


def test_keys_are_limited_apart() -> None:
    limit = RateLimit(1, 1, FakeClock())
    assert limit.take("a")
    assert limit.take("b")
    assert not limit.take("a")


def test_a_refused_take_costs_nothing() -> None:
    clock = FakeClock()
    limit = RateLimit(1, 1, clock)
    limit.take("a")
    for _ in range(100):
        limit.take("a")
    clock.advance(1)
    assert limit.take("a")


def test_wait_says_how_long_until_a_take_succeeds() -> None:
    clock = FakeClock()
    limit = RateLimit(0.1, 3, clock)
    assert limit.wait("a") == 0
    limit.take("a", 3)
    assert limit.wait("a") == pytest.approx(10)
    assert limit.wait("a", 4) == float("inf")
    clock.advance(limit.wait("a"))
    assert limit.take("a")


def test_a_cost_above_the_burst_is_never_allowed() -> None:
    assert not RateLimit(1, 3, FakeClock()).take("a", 4)


def test_a_forgotten_key_has_its_burst_again() -> None:
    limit = RateLimit(1, 1, FakeClock())
    limit.take("a")
    limit.forget("a")
    assert limit.take("a")


def test_memory_is_bounded_and_the_least_recently_used_key_goes_first() -> None:
    limit = RateLimit(1, 2, FakeClock(), max_keys=3)
    for key in "abcad":
        limit.take(key)
    assert len(limit) == 3
    assert not limit.take("a")
    assert limit.take("b", 2)


@given(
    st.floats(0.01, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 3), max_size=60),
)
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, waits: list[float]) -> None:
    clock = FakeClock()
    limit = RateLimit(rate, burst, clock)
    start, taken = clock.monotonic(), 0
    for wait in waits:
        clock.advance(wait)
        taken += limit.take("a")
        assert taken <= burst + rate * (clock.monotonic() - start) + 1e-3


def test_concurrency_is_capped_by_key_and_altogether() -> None:
    limit = Concurrency(per_key=2, total=3)
    assert [limit.enter("a") for _ in range(3)] == [True, True, False]
    assert [limit.enter("b") for _ in range(2)] == [True, False]
    limit.leave("a")
    assert (limit.count("a"), limit.active) == (1, 2)
    assert limit.enter("b")


def test_hold_refuses_one_too_many() -> None:
    limit = Concurrency(per_key=1, total=1)
    with limit.hold("a"):
        with pytest.raises(Fault) as caught, limit.hold("a"):
            pass
        assert limit.active == 1
    assert caught.value.kind is Kind.TOO_MANY


def test_hold_leaves_even_after_an_exception() -> None:
    limit = Concurrency(per_key=1, total=1)
    with pytest.raises(ZeroDivisionError), limit.hold("a"):
        _ = 1 / limit.count("b")
    assert (limit.count("a"), limit.active) == (0, 0)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
        ("not:an:address", "not:an:address"),
        ("1::\0", "1::\0"),
    ],
)
def test_addresses_are_counted_by_subscriber(address: str, key: str) -> None:
    assert address_key(address) == key


def test_what_was_taken_elsewhere_counts_but_leaves_no_debt_beyond_an_empty_bucket() -> None:
    clock, told = FakeClock(), []
    limit = RateLimit(1, 5, clock, taken=lambda key, cost: told.append((key, cost)))
    limit.add("a", 3)
    assert limit.take("a", 2)
    assert not limit.take("a")
    limit.add("a", 100)
    clock.advance(1)
    assert limit.take("a")
    assert told == [("a", 2), ("a", 1)]  # what others took is not told again
