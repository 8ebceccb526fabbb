from __future__ import annotations

import asyncio
import gc
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.log import Log, Sink
from merpati.base.tasks import Tasks
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds

if TYPE_CHECKING:
    from collections.abc import Iterator


class Watched:
    """Tasks, and what they logged."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self.tasks = Tasks(Log(Sink(FakeClock(), fd=self._writer, style="json")), CountingIds())

    def events(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(self._reader, 65_536).splitlines()]
        except BlockingIOError:
            return []

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


async def fail(problem: Exception) -> None:
    raise problem


async def test_a_spawned_task_gives_its_result_and_is_let_go(watched: Watched) -> None:
    async def work() -> int:
        return 7

    task = watched.tasks.spawn(work(), "work")
    assert task.get_name() == "work"
    assert await task == 7
    await asyncio.sleep(0)
    assert len(watched.tasks) == 0


async def test_a_failure_nobody_awaits_is_logged_with_its_traceback(watched: Watched) -> None:
    watched.tasks.spawn(fail(ValueError("bad")), "work")
    await asyncio.sleep(0.01)
    (event,) = watched.events()
    assert (event["event"], event["task"]) == ("task.failed", "work")
    assert "ValueError: bad" in event["exception"]


async def test_a_fault_is_logged_as_its_kind_and_reason(watched: Watched) -> None:
    watched.tasks.spawn(fail(Fault(Kind.NO_SPACE, "The disk is full.")), "work")
    await asyncio.sleep(0.01)
    (event,) = watched.events()
    assert (event["kind"], event["reason"]) == ("no-space", "The disk is full.")
    assert "exception" not in event


async def test_a_task_nobody_keeps_is_not_collected(watched: Watched) -> None:
    done = []

    async def work() -> None:
        # A future that only this coroutine knows, as in a call to a lost peer.
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.02, future.set_result, 1)
        done.append(await future)

    watched.tasks.spawn(work(), "work")
    await asyncio.sleep(0)
    gc.collect()
    assert len(watched.tasks) == 1
    await asyncio.sleep(0.05)
    assert done == [1]


async def test_a_periodic_task_survives_its_failures(watched: Watched) -> None:
    turns = []
    third = asyncio.Event()

    async def turn() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise ValueError("first")
        if len(turns) == 3:
            third.set()

    watched.tasks.every(0.005, turn, "sweep")
    await asyncio.wait_for(third.wait(), 5)
    await watched.tasks.stop(1)
    assert [event["task"] for event in watched.events()] == ["sweep"]
    count = len(turns)
    await asyncio.sleep(0.02)
    assert len(turns) == count


async def test_stop_cancels_and_waits_for_the_clean_up(watched: Watched) -> None:
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(1)

    watched.tasks.spawn(work(), "work")
    await asyncio.sleep(0)
    await watched.tasks.stop(1)
    assert cleaned == [1]
    assert watched.events() == []


async def test_stop_gives_grace_to_what_was_spawned(watched: Watched) -> None:
    finished = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        finished.append(1)

    watched.tasks.spawn(work(), "work")
    await watched.tasks.stop(1, grace=1)
    assert finished == [1]


async def test_stop_names_what_would_not_end(watched: Watched) -> None:
    released = asyncio.Event()

    async def work() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    task = watched.tasks.spawn(work(), "stubborn")
    await asyncio.sleep(0)
    await watched.tasks.stop(0.01)
    assert [(event["event"], event["task"]) for event in watched.events()] == [
        ("task.stuck", "stubborn")
    ]
    released.set()
    await task


async def test_nothing_starts_once_stopping(watched: Watched) -> None:
    await watched.tasks.stop(1)
    with pytest.raises(Fault) as caught:
        watched.tasks.spawn(fail(ValueError()), "late")
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_a_task_may_itself_call_stop(watched: Watched) -> None:
    task = watched.tasks.spawn(watched.tasks.stop(1), "stopper")
    await task
    assert watched.events() == []
