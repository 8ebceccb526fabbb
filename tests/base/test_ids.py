from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.clock import SystemClock
from merpati.base.ids import ALPHABET, SystemIds, oldest_trace, trace_moment, trace_text
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds


def test_a_trace_is_sixteen_lower_case_base32_characters() -> None:
    assert re.fullmatch(f"[{ALPHABET}]{{16}}", SystemIds(SystemClock()).trace())


def test_traces_sort_by_time() -> None:
    clock = FakeClock()
    traces = []
    for _ in range(50):
        traces.append(SystemIds(clock).trace())
        clock.advance(0.002)
    assert traces == sorted(traces)


def test_traces_rise_within_one_millisecond_and_when_the_clock_steps_back() -> None:
    clock = FakeClock()
    ids = SystemIds(clock)
    traces = [ids.trace() for _ in range(500)]
    clock.step_wall(-3600)
    traces += [ids.trace() for _ in range(500)]
    assert traces == sorted(set(traces))


def test_two_processes_forked_in_one_millisecond_give_different_traces() -> None:
    ids = SystemIds(FakeClock())
    ids.trace()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, ids.trace().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() != ids.trace()
    os.close(read)
    os.close(write)


@given(st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_trace_text_keeps_the_order_of_numbers(one: int, other: int) -> None:
    assert (one < other) == (trace_text(one) < trace_text(other))


def test_tokens_are_url_safe_and_as_strong_as_asked() -> None:
    ids = SystemIds(SystemClock())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", ids.token(32))
    assert len({ids.token() for _ in range(100)}) == 100
    assert len(ids.bytes(7)) == 7


def test_counting_ids_repeat_themselves_from_run_to_run() -> None:
    one, other = CountingIds(), CountingIds()
    assert one.trace() == "0000000000000001"
    other.trace()
    assert [one.token(), one.bytes(4)] == [other.token(), other.bytes(4)]
    assert one.token() != one.token()
    assert len(one.token(16)) == 22


def test_a_trace_id_says_when_it_was_made() -> None:
    ids = SystemIds(FakeClock(1_800_000_000.5))
    trace = ids.trace()
    assert trace_moment(trace) == 1_800_000_000_500
    assert oldest_trace(1_800_000_000_500) <= trace < oldest_trace(1_800_000_000_501)
    with pytest.raises(ValueError, match="invalid literal"):
        trace_moment("not-a-trace")
