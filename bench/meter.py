"""CPU and memory of a server's processes, and how much others used the machine meanwhile.

A server is started in a control group of its own where the kernel lets us make one
(Linux, cgroup v2, as root): then every process it ever starts is counted, also those
that have ended. Elsewhere its process tree is read from /proc.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

CGROUPS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
PROC: Final = Path("/proc")
TICK: Final = os.sysconf("SC_CLK_TCK")
STOP_SECONDS: Final = 12.0
SAMPLE_SECONDS: Final = 0.05
_NUMBERS: Final = itertools.count()  # of groups: there may be several of a name
REST_SECONDS: Final = 30.0
REST_SAMPLE: Final = 0.25
REST_LONG: Final = 8  # samples: longer than any server gathers work
REST_CORES: Final = 0.04  # of a core: what a server at rest uses


class Memory(msgspec.Struct, frozen=True):
    """Of all processes of a server, in bytes.

    `pss` counts a page shared by N of them 1/N times in each, so it is what the server
    takes in all; `rss` counts it N times. `anonymous` leaves out pages of files, which the
    kernel can take back at any time.
    """

    pss: int
    rss: int
    anonymous: int


class Group:
    """The processes of one server."""

    def __init__(self, name: str) -> None:
        self._roots: list[subprocess.Popen[bytes]] = []
        self._cgroup = _make_cgroup(f"merpati-bench.{os.getpid()}.{next(_NUMBERS)}.{name}")

    def start(self, command: Sequence[str | Path], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts a command of the server; what it says goes to a file."""
        words = [str(word) for word in command]
        if self._cgroup is not None:
            procs = str(self._cgroup / "cgroup.procs")
            words = ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', procs, *words]
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        self._roots.append(child)
        return child

    def pids(self) -> list[int]:
        """Every living process."""
        if self._cgroup is not None:
            return [int(word) for word in _read(self._cgroup / "cgroup.procs").split()]
        return _tree([child.pid for child in self._roots if child.poll() is None])

    def cpu(self) -> float:
        """Seconds of CPU used so far, by the processes that have ended too."""
        if self._cgroup is not None:
            return int(_read(self._cgroup / "cpu.stat").split()[1]) / 1e6
        # With the times of the children each has waited for.
        return sum(sum(map(int, _stat(pid)[11:15])) for pid in self.pids()) / TICK

    def memory(self) -> Memory:
        """What the processes hold now."""
        held = [0, 0, 0]
        for pid in self.pids():
            words = _read(PROC / str(pid) / "smaps_rollup").split()
            if "Pss:" in words:
                for index, name in enumerate(("Pss:", "Rss:", "Pss_Anon:")):
                    held[index] += int(words[words.index(name) + 1]) * 1024
        return Memory(*held)

    def stop(self) -> None:
        """Asks what was started to end, and ends what does not."""
        for child in self._roots:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self.pids() and time.monotonic() < deadline:
            for child in self._roots:
                child.poll()
            time.sleep(0.02)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self._roots:
            child.wait(STOP_SECONDS)
        self._roots.clear()

    def close(self) -> None:
        """Stops, and removes the control group."""
        self.stop()
        if self._cgroup is None:
            return
        for _ in range(100):  # the last process may take a moment to leave
            with contextlib.suppress(OSError):
                self._cgroup.rmdir()
                return
            time.sleep(0.02)


class Meter:
    """Wall time, the servers' CPU and foreign load over a `with` block.

    `foreign` is the CPU, in cores, used by all who are neither the measured servers nor
    this process and the load generators it waited for.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self.wall = 0.0
        self.cpu = 0.0
        self.foreign = 0.0

    def __enter__(self) -> Self:
        self._start = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu, own, busy = (
            after - before for after, before in zip(self._now(), self._start, strict=True)
        )
        self.wall = max(wall, 1e-9)
        self.cpu = cpu
        self.foreign = max(0.0, (busy - own - cpu) / self.wall)

    def _now(self) -> tuple[float, float, float, float]:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(one.ru_utime + one.ru_stime for one in used)
        return time.perf_counter(), sum(group.cpu() for group in self._groups), own, _busy()


def rest(groups: Sequence[Group], samples: int = 1) -> None:
    """Waits until servers have finished what earlier work left them to do (indexing, say).

    They are taken to rest when so many samples in a row say so: who gathers work pauses before it.
    """
    until = time.monotonic() + REST_SECONDS
    used = sum(group.cpu() for group in groups)
    quiet = 0
    while quiet < samples and time.monotonic() < until:
        time.sleep(REST_SAMPLE)
        before, used = used, sum(group.cpu() for group in groups)
        quiet = quiet + 1 if used - before < REST_CORES * REST_SAMPLE else 0


class Peak:
    """The most memory the servers held at any time in a `with` block, looked at often."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.pss = 0
        self.rss = 0
        self.anonymous = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            held = total_memory(self._groups)
            self.pss = max(self.pss, held.pss)
            self.rss = max(self.rss, held.rss)
            self.anonymous = max(self.anonymous, held.anonymous)


def total_memory(groups: Sequence[Group]) -> Memory:
    """What several servers hold together."""
    held = [group.memory() for group in groups]
    return Memory(
        sum(one.pss for one in held),
        sum(one.rss for one in held),
        sum(one.anonymous for one in held),
    )


def counts_by() -> str:
    """How CPU is counted on this machine, for the report."""
    probe = Group("probe")
    by = "control groups" if probe._cgroup is not None else "process trees in /proc"
    probe.close()
    return by


def _make_cgroup(name: str) -> Path | None:
    for root in CGROUPS:
        if (root / "cgroup.controllers").exists():
            with contextlib.suppress(OSError):
                (root / name).mkdir()
                return root / name
    return None


def _busy() -> float:
    """Seconds that the machine's cores have worked, all together."""
    times = [int(word) for word in _read(PROC / "stat").splitlines()[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / TICK


def _tree(roots: list[int]) -> list[int]:
    """The processes given and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (proc(5)); none for a process that is gone."""
    return _read(PROC / str(pid) / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has just ended
        return ""
