"""Health and metrics over HTTP: /healthz, /readyz and /metrics for this node.

Every worker answers for all: each leaves a snapshot of its metrics in the run folder every
few seconds, and whoever is asked adds them up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from merpati.base import metrics
from merpati.base.faults import Fault
from merpati.store import queue

if TYPE_CHECKING:
    from merpati.app.wiring import Parts

SNAPSHOT_EVERY: Final = 5.0  # seconds


class Health:
    """Answers for one node, in one worker."""

    def __init__(self, parts: Parts, folder: Path, names: Sequence[str]) -> None:
        self._parts = parts
        self._folder = folder
        self._others = [name for name in names if name != parts.name]
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.draining = False

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
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve([sock]))
        self._parts.tasks.every(SNAPSHOT_EVERY, self._leave_snapshot, "metrics", jitter=0.2)

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task

    async def _healthz(self, _request: Request) -> PlainTextResponse:
        """Whether this process works at all; a supervisor restarts what does not answer."""
        return PlainTextResponse("ok\n")

    async def _readyz(self, _request: Request) -> PlainTextResponse:
        """Whether mail would be taken now."""
        reason = await self._not_ready()
        return PlainTextResponse(f"{reason or 'ok'}\n", status_code=503 if reason else 200)

    async def _not_ready(self) -> str:
        if self.draining:
            return "stopping"
        if self._parts.store.failure:
            return self._parts.store.failure
        try:
            self._parts.blobs.check_space()
            await self._parts.store.read(queue.next_due)
        except Fault as fault:
            return fault.text
        return ""

    async def _metrics(self, _request: Request) -> PlainTextResponse:
        snapshots = [self._parts.metrics.snapshot()]
        for name in self._others:
            try:
                data = (self._folder / f"{name}.metrics").read_bytes()
                snapshots.append(msgspec.msgpack.decode(data, type=list[metrics.Family]))
            except (OSError, msgspec.DecodeError):
                continue  # that worker has just been started
        return PlainTextResponse(
            metrics.exposition(snapshots), media_type="text/plain; version=0.0.4"
        )

    async def _leave_snapshot(self) -> None:
        path = self._folder / f"{self._parts.name}.metrics"
        fresh = path.with_suffix(".metrics-new")
        fresh.write_bytes(msgspec.msgpack.encode(self._parts.metrics.snapshot()))
        fresh.rename(path)
