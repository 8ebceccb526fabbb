"""`merpati dns --push`, against a name server that takes updates."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import Merpati
from tests.support.dns import DnsServer


@pytest.fixture
def server() -> Iterator[DnsServer]:
    """In a thread, for the command has a loop of its own."""
    loop = asyncio.new_event_loop()
    server = DnsServer({"a.id": {"TXT": '"site=1"'}, "_dmarc.a.id": {"TXT": '"v=DMARC1; p=none"'}})
    server.updates = "a.id"
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def configured(folder: Path, server: DnsServer) -> str:
    place = f'server = "{server.host}:{server.port}"'
    file = folder / "push.toml"
    text = (folder / "merpati.toml").read_text()
    file.write_text(text.replace("\n[dns_update]\n", f"\n[dns_update]\n{place}\n"))
    return str(file)


def test_records_are_put_into_the_zone_and_a_second_time_changes_nothing(
    merpati: Merpati, folder: Path, server: DnsServer
) -> None:
    config = configured(folder, server)
    done = merpati("dns", "a.id", "--push", "-c", config)
    assert (done.status, done.err) == (0, "")
    assert "records were put into the zone a.id." in done.out
    assert "Left as it is in the DNS; wanted: _dmarc.a.id. TXT" in done.out
    assert server.asked("a.id", "TXT") == 1
    again = merpati("dns", "a.id", "--push", "-c", config)
    assert "a.id. MX" not in again.out
    assert "a.id. TXT" not in again.out.replace("_dmarc.a.id. TXT", "")


def test_without_a_name_server_nothing_is_pushed(merpati: Merpati) -> None:
    done = merpati("dns", "a.id", "--push")
    assert done.status == 1
    assert "set server in [dns_update]" in done.err
