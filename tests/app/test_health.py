from __future__ import annotations

import asyncio

import pytest
import uvicorn

from merpati.app.health import Server, gauge, merged
from merpati.base.metrics import Family, Metrics


def test_families_of_one_name_are_added_up_and_the_given_ones_stay() -> None:
    before, now = Metrics(), Metrics()
    for registry, by in ((before, 3), (now, 4)):
        registry.counter("taken_total", "Taken.", ("from",)).inc("peer", by=by)
        registry.histogram("wait_seconds", "Waiting.", buckets=(1,)).observe(by)
    old = before.snapshot()
    found = {one.name: one for one in merged([*old, *now.snapshot()])}
    assert found["taken_total"].series == {("peer",): [7]}
    assert found["wait_seconds"].series == {(): [0, 2, 7]}
    assert old == before.snapshot()


def test_a_gauge_has_the_values_that_are_known() -> None:
    assert gauge("clients", "Clients.", ("service",), {("imap",): [2]}) == Family(
        "clients", "gauge", "Clients.", ("service",), (), {("imap",): [2]}
    )


async def test_a_server_with_nothing_to_do_sets_no_alarms_and_ends_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alarms: list[object] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_at", lambda *args, **_: alarms.append(args))
    server = Server(uvicorn.Config(str, log_config=None))
    running = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0)
    server.told_to_stop.set()
    await running
    assert not alarms
