"""Health and metrics over HTTP: /healthz, /readyz and /metrics for this node.

They have a port of their own, for this machine; the web port answers the first two, for load
balancers.

Whichever worker is asked answers for all. Each leaves a snapshot of its metrics in the run
folder every few seconds, and the one asked adds them up: its own are of this moment, the
others' a few seconds old. A worker that is started again goes on counting where the one
that died left off, for a sum that falls would look like a restart of the whole server.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from merpati import __version__
from merpati.base import metrics
from merpati.base.faults import Fault
from merpati.base.metrics import Family
from merpati.services.backup.keep import BackupSettings
from merpati.store import queue, queue_admin
from merpati.store.backup import runs

if TYPE_CHECKING:
    from merpati.app.wiring import Parts
    from merpati.net.listen import Listener

SNAPSHOT_EVERY: Final = 5.0  # seconds
SUFFIX: Final = ".metrics"
AT_ONCE: Final = 100  # connections of one worker; then 503
GRACE: Final = 1  # seconds for answers that are under way when the worker stops


class Health:
    """Answers for one node, in one worker."""

    def __init__(self, parts: Parts, folder: Path, names: Sequence[str]) -> None:
        self._parts = parts
        self._folder = folder
        self._others = [name for name in names if name != parts.ground.name]
        self._listeners: list[tuple[str, Listener]] = []
        self._before = [one for one in self._left_by(parts.ground.name) if one.kind != "gauge"]
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.draining = False

    def watch(self, service: str, listener: Listener) -> None:
        """Count the clients of a listener too."""
        self._listeners.append((service, listener))

    async def serve(self, sock: socket.socket) -> None:
        """Answer on a socket until `close`."""
        app = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics),
            ]
        )
        config = uvicorn.Config(
            app, http="httptools", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, loop="none", ws="none",
            limit_concurrency=AT_ONCE, timeout_graceful_shutdown=GRACE,
        )  # fmt: skip
        self._server = Server(config)
        # Not `serve`, which would take the worker's signals for itself.
        self._task = asyncio.create_task(self._server._serve([sock]))
        await self._leave_snapshot()
        self._parts.ground.tasks.every(SNAPSHOT_EVERY, self._leave_snapshot, "metrics", jitter=0.2)

    def probes(self) -> list[Route]:
        """The two that whoever stands before the web port may ask as well; reasons stay here."""

        async def ready(_request: Request) -> PlainTextResponse:
            reason = await self._not_ready()
            text, status = ("not ready\n", 503) if reason else ("ok\n", 200)
            return PlainTextResponse(text, status_code=status)

        return [Route("/healthz", self._healthz), Route("/readyz", ready)]

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None and self._task is not None:
            self._server.told_to_stop.set()
            await self._task
            await self._leave_snapshot()

    async def _healthz(self, _request: Request) -> PlainTextResponse:
        """Whether this process works at all."""
        return PlainTextResponse("ok\n")

    async def _readyz(self, _request: Request) -> PlainTextResponse:
        """Whether mail would be taken now; if not, why."""
        reason = await self._not_ready()
        return PlainTextResponse(f"{reason or 'ok'}\n", status_code=503 if reason else 200)

    async def _not_ready(self) -> str:
        if self.draining:
            return "stopping"
        if self._parts.ground.store.failure:
            return self._parts.ground.store.failure
        try:
            self._parts.ground.blobs.check_space()
            await self._parts.ground.store.read(queue.next_due)
        except Fault as fault:
            return fault.text
        return ""

    async def _metrics(self, _request: Request) -> PlainTextResponse:
        others = [self._left_by(name) for name in self._others]
        families = [
            self._of_node(),
            await self._queue(),
            await self._backup(),
            self._own(),
            *others,
        ]
        text = metrics.exposition(families)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def _queue(self) -> list[Family]:
        """How many recipients wait, which only the store knows."""
        now = int(self._parts.ground.clock.now() * 1000)
        try:
            counts = await self._parts.ground.store.scan(queue_admin.counts, now)
        except Fault:
            return []
        states: dict[tuple[str, ...], list[float]] = {
            (name,): [number] for name, number in msgspec.structs.asdict(counts).items()
        }
        return [
            gauge("merpati_queue_recipients", "Queued recipients by state.", ("state",), states)
        ]

    async def _backup(self) -> list[Family]:
        """How old the last good backup is, and how the last one went."""
        target = self._parts.ground.config[BackupSettings].place
        try:
            good = await self._parts.ground.store.read(runs.last, target, good=True)
            last = await self._parts.ground.store.read(runs.last, target)
        except Fault:
            return []
        if not target or last is None:
            return []
        at = good.started_at / 1000 if good is not None else 0
        verified = good.verified_at / 1000 if good is not None else 0
        failed = float(bool(last.problem))
        return [
            gauge("merpati_backup_last_success_seconds",
                  "When the last good backup began, Unix time; 0: never.", (), {(): [at]}),
            gauge("merpati_backup_verified_seconds",
                  "When it was last read again as a whole, Unix time; 0: never.", (),
                  {(): [verified]}),
            gauge("merpati_backup_failed", "1 when the last backup has a problem.", (),
                  {(): [failed]}),
        ]  # fmt: skip

    def _of_node(self) -> list[Family]:
        """What is the same in every worker, and so must not be added up."""
        certificates = self._parts.ground.chain
        until: dict[tuple[str, ...], list[float]] = {
            (name,): [one.not_after]
            for one in (certificates.certificates if certificates else ())
            for name in one.names
        }
        return [
            gauge("merpati_build_info", "Always 1.", ("version",), {(__version__,): [1]}),
            gauge(
                "merpati_certificate_not_after_seconds",
                "When the TLS certificate for a name ends, Unix time.", ("name",), until,
            ),
        ]  # fmt: skip

    def _own(self) -> list[Family]:
        """What this worker, and those before it under its name, have counted."""
        active: dict[tuple[str, ...], list[float]] = {}
        counted: dict[tuple[str, ...], list[float]] = {}
        for service, one in self._listeners:
            add(active, (service,), [one.active])
            add(counted, (service, "accepted"), [one.accepted])
            add(counted, (service, "refused"), [one.refused])
            add(counted, (service, "failed"), [one.failed])
        connections = [
            gauge("merpati_connections", "Clients connected now.", ("service",), active),
            Family(
                "merpati_connections_total", "counter",
                "Clients let in, refused for a limit, and sessions ended by a defect.",
                ("service", "outcome"), (), counted,
            ),
        ]  # fmt: skip
        return merged([*self._before, *self._parts.ground.metrics.snapshot(), *connections])

    def _left_by(self, name: str) -> list[Family]:
        """The last snapshot of a worker; empty when there is none."""
        try:
            data = (self._folder / f"{name}{SUFFIX}").read_bytes()
            return msgspec.msgpack.decode(data, type=list[Family])
        except (OSError, msgspec.DecodeError):
            return []

    async def _leave_snapshot(self) -> None:
        path = self._folder / f"{self._parts.ground.name}{SUFFIX}"
        fresh = path.with_suffix(f"{SUFFIX}-new")
        fresh.write_bytes(msgspec.msgpack.encode(self._own()))
        fresh.rename(path)


class Server(uvicorn.Server):
    """One that waits to be told to stop, where uvicorn's looks ten times a second.

    That was half of what a worker with nothing to do used. The only other thing done then is
    the Date field of answers, which these have not.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told_to_stop: Final = asyncio.Event()

    async def main_loop(self) -> None:
        """What lies between the start and the end."""
        await self.on_tick(0)
        await self.told_to_stop.wait()


def gauge(
    name: str, text: str, labels: tuple[str, ...], series: dict[tuple[str, ...], list[float]]
) -> Family:
    """A gauge of values that are known now."""
    return Family(name, "gauge", text, labels, (), series)


def merged(families: Iterable[Family]) -> list[Family]:
    """The families with those of one name added up."""
    found: dict[str, Family] = {}
    for family in families:
        known = found.setdefault(family.name, msgspec.structs.replace(family, series={}))
        for key, cells in family.series.items():
            add(known.series, key, cells)
    return list(found.values())


def add(
    series: dict[tuple[str, ...], list[float]], key: tuple[str, ...], cells: Sequence[float]
) -> None:
    """Add the numbers of one series to those known of it."""
    known = series.get(key, [0.0] * len(cells))
    series[key] = [one + other for one, other in zip(known, cells, strict=True)]
