"""What was taken over for another server gets there, however often this one is killed.

Mail comes in for an alias that leads elsewhere, so every message passes through the queue
and leaves by SMTP. None may be lost. A second copy is what SMTP cannot avoid when we are
killed between the other server's 250 and our commit (RFC 5321 6.1): they are counted, and
held to the bound that docs/design/queue.md names.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from merpati.services.lane import AHEAD
from merpati.services.outbound import OutboundSettings
from tests.faults.instance import Instance
from tests.faults.store_listing import queued
from tests.faults.tools import killloop
from tests.support.smtp_sink import SmtpSink

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.fault

ALIAS: Final = "out@a.test"
WORKERS: Final = 2
FAULT_ID: Final = re.compile(rb"(?im)^X-Fault-Id: *(\S+)")


@contextmanager
def sink() -> Iterator[SmtpSink]:
    """A server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = SmtpSink()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def arrived(server: SmtpSink) -> list[str]:
    """The mark of every message at the other server, as often as it came."""
    found = [FAULT_ID.search(message.content) for message in list(server.messages)]
    return [one[1].decode() for one in found if one]


def test_no_message_is_lost_on_its_way_out_and_few_come_twice(tmp_path: Path, full: bool) -> None:
    instance = Instance.make(tmp_path / "a")
    assert instance.run("alias", "add", ALIAS, "bob@sink.test").returncode == 0
    with sink() as server:
        way = f'["sink.test smtp+clear://127.0.0.1:{server.port}"]'
        instance.configure("outbound", routes=way)
        instance.configure("queue", retry='"1s"')
        plan = killloop.Plan(
            port=instance.smtp_port,
            serve=instance.command(),
            listing=lambda: arrived(server),
            recipient=ALIAS,
            messages=3_000 if full else 200,
            kills=100 if full else 4,
            uptime=(0.5, 1.5),
            settle=60.0,
            settled=lambda: queued(instance.folder) == 0,
            limit=3_000.0 if full else 300.0,
            output=tmp_path / "server.log",
        )
        result = killloop.Loop(plan).run()
    print(result)
    assert result.lost == []
    assert result.why == ""
    assert result.acknowledged == plan.messages
    lanes = OutboundSettings().connections_per_destination
    assert result.copies - result.ambiguous <= result.kills * WORKERS * lanes * (AHEAD + 1)
    assert instance.check() == ""
