"""`merpati serve`: the supervisor. It binds, drops privileges, forks workers and minds them.

Nothing here handles mail. The supervisor imports everything, opens the ports, freezes the
garbage collector and forks, so that the workers share its memory. It has no event loop and
no thread of its own: it sleeps in `select` until a signal or a worker wakes it.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Final

from merpati.app import certificates, health, indexing, migrate, worker
from merpati.app import config as configuration
from merpati.app.installation import Config, LogSettings, ServerSettings, become
from merpati.app.listeners import EVERYWHERE, Listener, of_roles
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.net import listen, mesh

# Objects that may be made before the youngest are looked through for cycles, and how often the
# older ones are. Python's own 700 took a tenth of the CPU of each message.
GARBAGE: Final = (20_000, 50, 100)
TOLD: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
STOP_TIMEOUT: Final = 10.0  # seconds from SIGTERM until what is left is killed
QUICK_DEATH: Final = 2.0  # a worker that lived shorter is started again only after a pause
PAUSE_MAX: Final = 30.0  # seconds, when it could not even start
PAUSE_SERVED: Final = 1.0  # seconds, when it had served: others may need it


class Supervisor:
    """The parent of the workers."""

    def __init__(self, config: Config, workers: int, log: Log, roles: Collection[str] = ()) -> None:
        self._roles = roles
        self._config = self._ours(config)
        self._log = log
        self._names = [f"worker-{number}" for number in range(workers)]
        self._everyone = self._names + indexing.names(config)  # by child number
        self._sockets: list[tuple[Listener, list[socket.socket]]] = []
        self._buses: list[socket.socket] = []
        self._children: dict[int, int] = {}  # process id to worker number
        self._born: dict[int, float] = {}
        self._pauses = [0.0] * len(self._everyone)
        self._restarts: dict[int, float] = {}  # worker number to when it is started again
        self._ready: set[int] = set()  # process ids of workers that serve
        self._announced = False
        self._outdated: set[int] = set()  # those that still have the settings before a reload
        self._leaving = 0  # the one of them that is being replaced
        self._stopping = 0.0
        self._lock = -1
        self._ready_in, self._ready_out = os.pipe()
        self._alive_in, self._alive_out = os.pipe()  # the workers see it end with this process
        self._signal_in, self._signal_out = socket.socketpair()
        self._chain = certificates.load(config)

    def run(self) -> int:
        """Serve until told to stop; the exit status."""
        _allow_files()
        self._bind()
        become(self._config[ServerSettings].user)
        migrate.in_child(self._config, self._log)
        self._catch_signals()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        for number in range(len(self._everyone)):
            self._fork(number)
        while self._children or self._restarts:
            self._wait()
        self._log.info("server.stopped")
        self._log.flush()
        return 0

    def _ours(self, config: Config) -> Config:
        return config.listening(of_roles(config.listeners, self._roles))

    def _bind(self) -> None:
        folder = self._config.data / "run"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = only_one(folder)
        for listener in self._config.listeners:
            for spec in specs(listener):
                try:
                    self._sockets.append((listener, listen.bind(spec, len(self._names))))
                except Fault:
                    if spec.host != "::" or listener.host != EVERYWHERE:
                        raise
                    self._log.warning("listen.no-ipv6", service=listener.service)
        for suffix in (mesh.SUFFIX, health.SUFFIX):
            for stale in folder.glob(f"*{suffix}"):
                stale.unlink()
        self._buses = [mesh.bind(folder, name) for name in self._everyone]

    def _catch_signals(self) -> None:
        self._signal_out.setblocking(False)
        self._signal_in.setblocking(False)
        signal.set_wakeup_fd(self._signal_out.fileno(), warn_on_full_buffer=False)
        for number in TOLD:
            signal.signal(number, lambda _number, _frame: None)

    def _fork(self, number: int) -> None:
        self._log.flush()
        sys.stdout.flush()
        # A child that is told something before it can listen would take it for its parent, whose
        # handlers it has, or die of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, TOLD)
        child = os.fork()
        if child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD)
            self._children[child] = number
            self._born[child] = time.monotonic()
            return
        status = 1
        try:
            self._become_worker(number)
            status = 0
        except Fault as fault:
            self._log.error("worker.failed", worker=self._everyone[number], reason=fault.text)
        except BaseException:  # noqa: BLE001 -- the last chance to say why; the process ends here
            traceback.print_exc()
        finally:
            self._log.flush()
            os._exit(status)

    def _become_worker(self, number: int) -> None:
        signal.set_wakeup_fd(-1)
        for one in TOLD:
            signal.signal(one, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD - {signal.SIGHUP})
        for descriptor in (self._ready_in, self._alive_out, self._lock):
            os.close(descriptor)
        own = []
        for listener, copies in self._sockets:
            for index, sock in enumerate(copies):
                if index == number:
                    own.append((listener, sock))
                else:
                    sock.close()
        if number >= len(self._names):
            log = self._log.bind(worker=indexing.NAME)
            indexing.run(self._everyone, self._config, self._buses[number], log, self._alive_in)
            return
        worker.run(
            self._everyone[number], self._everyone, self._config, own, self._buses[number],
            self._chain, self._log.bind(worker=number), self._ready_out, self._alive_in,
        )  # fmt: skip

    def _wait(self) -> None:
        """Sleep until something happens, and act on it."""
        watched = [self._signal_in.fileno(), self._ready_in]
        readable, _, _ = select.select(watched, [], [], self._timeout())
        if self._ready_in in readable:
            self._ready |= worker.read_ready(self._ready_in) & self._children.keys()
            if not self._announced and len(self._ready) == len(self._names):
                self._announce()
        if watched[0] in readable:
            for number in self._signal_in.recv(64):
                self._signalled(number)
        self._reap()
        self._start_due()
        self._renew()
        if self._stopping and time.monotonic() > self._stopping:
            for child in self._children:
                os.kill(child, signal.SIGKILL)

    def _timeout(self) -> float | None:
        moments = list(self._restarts.values())
        if self._stopping:
            moments.append(self._stopping)
        return max(0.0, min(moments) - time.monotonic()) + 0.01 if moments else None

    def _announce(self) -> None:
        places = [f"{one.service} {one.place()}" for one in self._config.listeners]
        sys.stdout.write(f"merpati ready: {', '.join(places)}\n")
        sys.stdout.flush()
        self._announced = True

    def _signalled(self, number: int) -> None:
        if number in {signal.SIGTERM, signal.SIGINT} and not self._stopping:
            self._stopping = time.monotonic() + STOP_TIMEOUT
            self._restarts.clear()
            self._tell(signal.SIGTERM)
        elif number == signal.SIGHUP:
            self._reload()

    def _tell(self, number: signal.Signals) -> None:
        for child in self._children:
            os.kill(child, number)

    def _reload(self) -> None:
        """SIGHUP: certificates are read anew; other settings take effect in new workers."""
        try:
            fresh = self._ours(configuration.read_config(self._config.file))
            if self._chain is not None:
                self._chain.reload(certificates.files(fresh))
        except Fault as fault:
            self._log.error("config.refused", reason=fault.text, advice="the old one stays in use")
            return
        for name in configuration.needs_restart(self._config, fresh):
            self._log.warning("config.waits-for-restart", setting=name)
        self._tell(signal.SIGHUP)
        old, self._config = self._config, configuration.applied(self._config, fresh)
        if configuration.differ(old, self._config):
            self._log.flush()
            self._log = make_log(self._config)
            self._outdated = set(self._children)

    def _renew(self) -> None:
        """Replace workers with outdated settings, one by one, so that others go on serving."""
        if self._outdated and not self._stopping and len(self._ready) == len(self._names):
            self._leaving = self._outdated.pop()
            self._ready.discard(self._leaving)
            os.kill(self._leaving, signal.SIGTERM)

    def _reap(self) -> None:
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            number = self._children.pop(child, None)
            if number is None:
                continue
            most = PAUSE_SERVED if child in self._ready else PAUSE_MAX
            self._ready.discard(child)
            self._outdated.discard(child)
            lived = time.monotonic() - self._born.pop(child)
            if self._stopping:
                continue
            pause = 0.0
            code = os.waitstatus_to_exitcode(status)
            if child == self._leaving and not code:
                self._log.info("worker.renewed", worker=number)
            else:
                if lived < QUICK_DEATH:
                    pause = min(most, self._pauses[number] * 2 + 0.5)
                again_in = round(pause, 1)
                self._log.error("worker.died", worker=number, status=code, again_in=again_in)
            self._pauses[number] = pause
            self._restarts[number] = time.monotonic() + pause

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._restarts.items() if due <= now]:
            del self._restarts[number]
            self._fork(number)


def _allow_files() -> None:
    """As many open files, and so connections, as the system lets us have; shells give 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def only_one(folder: Path) -> int:
    """Make this the only server of a run folder for as long as the descriptor returned is open.

    Raises:
        Fault: IN_USE when there is one already.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        text = f"process {os.read(lock, 20).decode()} serves {folder.parent} already; stop it first"
        os.close(lock)
        raise Fault(Kind.IN_USE, text) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def specs(listener: Listener) -> list[listen.ListenerSpec]:
    """The sockets of one listener: two for "every address", one per family."""
    if listener.path is not None:
        return [listen.ListenerSpec(name=listener.service, path=str(listener.path))]
    hosts = ["0.0.0.0", "::"] if listener.host == EVERYWHERE else [listener.host]  # noqa: S104 -- what "*" means
    return [
        listen.ListenerSpec(
            name=listener.service, host=host, port=listener.port or 0, tls=listener.implicit_tls
        )
        for host in hosts
    ]


def make_log(config: Config) -> Log:
    """The log that the configuration asks for."""
    settings = config[LogSettings]
    level = Level[settings.level.upper()]
    return Log(Sink(SystemClock(), level=level, style=settings.format))  # type: ignore[arg-type]  # one of the choices of the setting


def serve(file: Path, workers: int = 0, roles: Collection[str] = ()) -> int:
    """Run the server in the foreground with a configuration file; the exit status.

    Args:
        file: The configuration file.
        workers: How many processes; 0 for what the file says.
        roles: Which of `ROLES` this machine has; all when empty.
    """
    config = configuration.read_config(file)
    count = workers or config[ServerSettings].workers or os.cpu_count() or 1
    return Supervisor(config, count, make_log(config), roles).run()
