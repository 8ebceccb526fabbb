"""One worker process: an event loop with every listener, the queue runner and housekeeping."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from merpati.app import certificates, indexing, wiring
from merpati.app.config import read_config
from merpati.app.health import Health
from merpati.app.installation import Config, ServerSettings
from merpati.app.listeners import Listener
from merpati.app.sessions import handler
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.net import listen
from merpati.net.mesh import Mesh
from merpati.net.tls import CertificateStore

DRAIN: Final = 7.0  # seconds for sessions to end; the supervisor gives 10 in all
PROCESS: Final = struct.Struct("i")  # a process id
SWITCH_INTERVAL: Final = 0.001  # seconds; the writer thread must not wait 5 ms for the loop


class Worker:
    """Everything that lives as long as one worker process."""

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        config: Config,
        listeners: Sequence[tuple[Listener, socket.socket]],
        bus: socket.socket,
        chain: CertificateStore | None,
        log: Log,
    ) -> None:
        self._name = name
        self._names = list(names)
        self._config = config
        self._sockets = listeners
        self._bus = bus
        self._chain = chain
        self._log = log
        self._stop = asyncio.Event()
        self._listeners: list[tuple[Listener, listen.Listener]] = []

    async def run(self, ready: int, alive: int) -> None:
        """Serve until SIGTERM; tell `ready` the process id once everything listens.

        `alive` is a pipe that ends when the supervisor is gone, however that came about:
        then the worker stops too, so that a new server finds its ports free.
        """
        loop = asyncio.get_running_loop()
        loop.add_reader(alive, self._stop.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        metrics = Metrics()
        parts = await wiring.build(self._name, self._config, self._chain, metrics, self._log)
        run_folder = self._config.data / "run"
        notify = parts.ground.notify
        patient = indexing.names(self._config)
        mesh = Mesh(self._bus, run_folder, self._names, notify.received, patient)
        notify.join(mesh, patient=bool(patient))
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # which waited: serve.py
        await parts.listen()
        health = Health(parts, run_folder, self._names)
        parts.web.answer(health.probes())
        for listener, sock in self._sockets:
            await self._listen(parts, health, listener, sock)
        parts.start()
        os.write(ready, PROCESS.pack(os.getpid()))
        await self._stop.wait()
        loop.remove_reader(alive)
        self._log.info("worker.draining", worker=self._name)
        health.draining = True
        await asyncio.gather(*(one.drain(DRAIN) for _, one in self._listeners))
        await health.close()
        mesh.close()
        await parts.stop()
        self._log.flush()

    async def _listen(
        self, parts: wiring.Parts, health: Health, listener: Listener, sock: socket.socket
    ) -> None:
        if listener.service == "metrics":
            await health.serve(sock)
            return
        run, refuse = handler(parts, listener)
        context = self._context(listener)
        one = listen.Listener(
            sock, run, name=listener.service, reaper=parts.ground.reaper, gate=parts.gate,
            log=self._log, context=context, refusal=refuse,
            proxies=listener.trusted_proxies,
        ).start()  # fmt: skip
        self._listeners.append((listener, one))
        health.watch(listener.service, one)

    def _context(self, listener: Listener) -> ssl.SSLContext | None:
        """What TLS begins with when it comes first; browsers are not asked for a certificate."""
        if self._chain is None or not listener.implicit_tls:
            return None
        return self._chain.context if listener.service == "https" else self._chain.asking

    def _reload(self) -> None:
        """SIGHUP: certificates anew. For other settings the supervisor replaces this worker."""
        try:
            fresh = read_config(self._config.file)
            if self._chain is not None:
                self._chain.reload(certificates.files(fresh))
                for listener, one in self._listeners:
                    one.context = self._context(listener)
            self._log.info("worker.reloaded", worker=self._name)
        except Fault as fault:
            self._log.error("worker.reload-failed", reason=fault.text)


def run(
    name: str,
    names: Sequence[str],
    config: Config,
    listeners: Sequence[tuple[Listener, socket.socket]],
    bus: socket.socket,
    chain: CertificateStore | None,
    log: Log,
    ready: int,
    alive: int,
) -> None:
    """The whole life of a worker process, right after the fork."""
    sys.setswitchinterval(SWITCH_INTERVAL)

    async def main() -> None:
        await Worker(name, names, config, listeners, bus, chain, log).run(ready, alive)

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())


def read_ready(pipe: int) -> set[int]:
    """The process ids of the workers that have become ready since the last look."""
    data = os.read(pipe, 64 * PROCESS.size)  # whole ones: a pipe takes so little at once
    return {number for (number,) in PROCESS.iter_unpack(data)}


def run_folder(config: Config) -> Path:
    """Where the sockets of the running server are."""
    return config[ServerSettings].data / "run"
