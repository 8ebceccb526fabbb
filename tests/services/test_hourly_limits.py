"""Limits counted by several workers, over a real mesh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.net import mesh
from merpati.services.hourly_limits import KEYS, HourlyLimits
from merpati.services.notify import Notify
from merpati.store.engine import Topic
from tests.support.clock import FakeClock

WORKERS = ["worker-0", "worker-1", "worker-2"]


class Worker:
    """As much of a worker as counts."""

    def __init__(self, name: str, folder: Path, clock: FakeClock) -> None:
        self.notify = Notify()
        self.limits = HourlyLimits(clock, self.notify)
        self._socket = mesh.bind(folder, name)
        self._mesh = mesh.Mesh(self._socket, folder, WORKERS, self.notify.received)
        self.notify.join(self._mesh)

    def close(self) -> None:
        self._mesh.close()
        self._socket.close()


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[list[Worker]]:
    clock = FakeClock()
    made = [Worker(name, tmp_path, clock) for name in WORKERS]
    yield made
    for one in made:
        one.close()


async def test_what_one_worker_takes_is_taken_for_all(workers: list[Worker]) -> None:
    one, two, three = (each.limits.hourly("messages", 10) for each in workers)
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.take("ana", 6)
    assert two.take("ana", 4)
    async with asyncio.timeout(10):
        while not (one.wait("ana") and two.wait("ana") and three.wait("ana")):  # noqa: ASYNC110 -- polls what has no event
            await asyncio.sleep(0.01)
    assert not any(each.take("ana") for each in (one, two, three))
    assert all(each.take("budi") for each in (one, two, three))


async def test_more_keys_than_a_datagram_holds_are_told_too(workers: list[Worker]) -> None:
    here, there = (each.limits.hourly("messages", 1) for each in workers[:2])
    assert here is not None
    assert there is not None
    for number in range(KEYS + 1):
        here.take(f"2001:db8:{number:x}::/64" + "x" * 200)
    async with asyncio.timeout(10):
        while len(there) <= KEYS:  # noqa: ASYNC110 -- polls what has no event
            await asyncio.sleep(0.01)


async def test_a_limit_that_another_worker_does_not_have_disturbs_nobody(
    workers: list[Worker],
) -> None:
    heard = asyncio.Event()
    workers[1].notify.listen(Topic.QUEUE, 0, heard.set)
    unknown = workers[0].limits.hourly("only here", 3)
    assert unknown is not None
    assert unknown.take("ana")
    await asyncio.sleep(0.2)
    workers[0].notify.committed({(Topic.QUEUE, 0)})
    async with asyncio.timeout(10):
        await heard.wait()
    assert workers[1].limits.hourly("nothing", 0) is None
