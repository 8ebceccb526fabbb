"""The process that keeps the text index: beside the workers, of low priority, without a port.

It hears what the workers commit over the same bus as they do among themselves, and leaves its
metrics where theirs are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from merpati.app.health import SNAPSHOT_EVERY, SUFFIX
from merpati.app.installation import Config, open_store
from merpati.app.search import open_index
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.net.mesh import Mesh
from merpati.services import notify
from merpati.services.courtesy import Courtesy
from merpati.services.documents import Reader
from merpati.services.indexer import Indexer
from merpati.services.text_index import SearchSettings
from merpati.store.blobs import BlobStore
from merpati.store.engine import Dialect

NAME: Final = "indexer"
NICE: Final = 15  # a thirtieth of the time of a busy processor


def names(config: Config) -> list[str]:
    """The processes that the supervisor starts for it."""
    return [NAME] if config[SearchSettings].index else []


def run(all_names: Sequence[str], config: Config, bus: socket.socket, log: Log, alive: int) -> None:
    """The whole life of the process, right after the fork."""
    os.nice(NICE)
    with contextlib.suppress(AttributeError, OSError):  # Linux only: do not interrupt others
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(list(all_names), config, bus, log, alive))


async def _serve(
    all_names: list[str], config: Config, bus: socket.socket, log: Log, alive: int
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_reader(alive, stop.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # it has no settings that reload
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # which waited: serve.py
    clock, metrics = SystemClock(), Metrics()
    ids = SystemIds(clock)
    tasks = Tasks(log, ids)
    store = await open_store(config)
    index = await open_index(config, store)
    indexer = Indexer(
        f"{NAME} {ids.token(6)}" if store.dialect is Dialect.POSTGRESQL else NAME,
        store, index, BlobStore(config.blobs, ids), Reader(), clock, metrics, log,
        Courtesy(),
    )  # fmt: skip
    store.on_commit(indexer.heard)
    folder = config.data / "run"
    mesh = Mesh(bus, folder, all_names, lambda data: indexer.heard(notify.decode(data)))
    tasks.every(SNAPSHOT_EVERY, lambda: _leave_snapshot(folder, metrics), "metrics", jitter=0.2)
    tasks.spawn(indexer.run(), "index")
    await stop.wait()
    loop.remove_reader(alive)
    mesh.close()
    await tasks.stop(3.0)
    await index.close()
    await store.close()
    log.flush()


async def _leave_snapshot(folder: Path, metrics: Metrics) -> None:
    path = folder / f"{NAME}{SUFFIX}"
    fresh = path.with_suffix(f"{SUFFIX}-new")
    fresh.write_bytes(msgspec.msgpack.encode(metrics.snapshot()))
    fresh.rename(path)
