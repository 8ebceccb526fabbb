"""A process for reading what is not to be trusted: it can harm nothing but itself.

The parent sends a request and waits for one answer. The child locks itself up before it looks
at anything: it may open no file and no socket any more (not one descriptor), start no process,
write no file, and has so much memory; each request has so many seconds of CPU. Whatever a
request does to it, crash, endless loop, too much memory, costs the parent one answer: the child
is gone then, and the next request has a new one. It ends by itself with the parent, and when
nobody has asked for `IDLE_SECONDS`.

Both sides speak frames: four bytes of length, then so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_MAX: Final = 1 << 30  # bytes of address space
CPU_SECONDS: Final = 10  # for one request
WALL_SECONDS: Final = 60.0  # for one request, on a busy machine
IDLE_SECONDS: Final = 30.0
FRAME_MAX: Final = 64 << 20
STACK_MAX: Final = 64 << 20
_LENGTH: Final = struct.Struct(">I")


class Caged:
    """A child that runs a Python program which calls `serve`, started when it is first asked."""

    def __init__(self, *arguments: str) -> None:
        """What the interpreter is given: "-m" and a module, or a file."""
        self._arguments = arguments
        self._child: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, request: bytes) -> bytes | None:
        """The child's answer; None when the request was the end of it."""
        assert len(request) <= FRAME_MAX
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(WALL_SECONDS):
                    return await self._exchange(request)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._end()
                return None
            except asyncio.CancelledError:  # the answer would be taken for that of the next
                await self._end()
                raise
            finally:
                loop = asyncio.get_running_loop()
                self._idle = loop.call_later(IDLE_SECONDS, self._let_go)

    async def close(self) -> None:
        """End the child."""
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            await self._end()

    async def _exchange(self, request: bytes) -> bytes:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-I", *self._arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, env={"LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(_LENGTH.pack(len(request)))
        self._child.stdin.write(request)
        await self._child.stdin.drain()
        (length,) = _LENGTH.unpack(await self._child.stdout.readexactly(_LENGTH.size))
        if length > FRAME_MAX:
            raise OSError("the child is out of its mind")
        return await self._child.stdout.readexactly(length)

    def _let_go(self) -> None:
        """Nobody has asked for a while: the child ends at the end of its input."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    async def _end(self) -> None:
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()
        await self._child.wait()
        self._child = None


def serve(answer: Callable[[bytes], bytes]) -> None:
    """The child's side: answer requests until there are no more. Import everything before."""
    _lock_up()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length > FRAME_MAX:
            return
        _allow_cpu()
        said = answer(source.read(length))
        sink.write(_LENGTH.pack(len(said)) + said)
        sink.flush()


def _lock_up() -> None:
    """Give up everything that reading does not need, for good."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    for limit, most in (
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MEMORY_MAX),
        (resource.RLIMIT_STACK, STACK_MAX),
    ):
        with contextlib.suppress(ValueError, OSError):  # what a system does not know
            resource.setrlimit(limit, (most, most))


def _allow_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
