"""Background tasks that are kept, named, and never fail in silence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from merpati.base.ids import Ids
    from merpati.base.log import Log

R = TypeVar("R")

DEFAULT_JITTER: Final = 0.1


class Tasks:
    """The tasks of one worker, or of one part of it.

    asyncio holds tasks weakly, so a task nobody keeps can be collected in the
    middle of its work; here every task is kept until it ends. A failure is
    logged as `task.failed` whether or not anybody awaits the task.
    """

    def __init__(self, log: Log, ids: Ids) -> None:
        self._log = log
        self._ids = ids
        self._once: set[asyncio.Task[Any]] = set()
        self._periodic: set[asyncio.Task[Any]] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._once) + len(self._periodic)

    def spawn(self, work: Coroutine[Any, Any, R], name: str) -> asyncio.Task[R]:
        """Starts `work` beside the caller.

        Raises:
            Fault: UNAVAILABLE, once `stop` was called; `work` is closed unrun.
        """
        return self._start(work, name, self._once)

    def every(
        self,
        seconds: float,
        func: Callable[[], Awaitable[object]],
        name: str,
        jitter: float = DEFAULT_JITTER,
    ) -> asyncio.Task[None]:
        """Awaits `func()` every so many seconds, for the first time after that long.

        The wait differs by up to `jitter` of itself each time, so that workers
        and nodes started together do not stay in step. A failure is logged and
        the next turn comes all the same; a slow turn delays the next.

        Raises:
            Fault: UNAVAILABLE, once `stop` was called.
        """
        return self._start(self._repeat(seconds, func, name, jitter), name, self._periodic)

    async def stop(self, timeout: float, grace: float = 0) -> None:  # noqa: ASYNC109 -- ends in a log line, not an exception
        """Cancels every task and waits up to `timeout` seconds until they have ended.

        Tasks that were spawned first get `grace` seconds to end by themselves;
        periodic ones do not. What has not ended even then is logged as
        `task.stuck` and left behind.
        """
        self._stopping = True
        current = asyncio.current_task()
        await _end(self._periodic - {current}, timeout)
        if grace > 0 and self._once - {current}:
            await asyncio.wait(self._once - {current}, timeout=grace)
        await _end(self._once - {current}, timeout)
        for task in (self._periodic | self._once) - {current}:
            self._log.error("task.stuck", task=task.get_name())

    def _start(
        self, work: Coroutine[Any, Any, R], name: str, kept: set[asyncio.Task[Any]]
    ) -> asyncio.Task[R]:
        if self._stopping:
            work.close()
            raise Fault(Kind.UNAVAILABLE, "The server is stopping; try again in a minute.")
        task = asyncio.get_running_loop().create_task(work, name=name)
        kept.add(task)
        task.add_done_callback(kept.discard)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._failed(task.get_name(), problem)

    def _failed(self, name: str, problem: BaseException) -> None:
        if isinstance(problem, Fault):
            self._log.error("task.failed", task=name, kind=problem.kind.value, reason=problem.text)
        else:
            self._log.defect("task.failed", problem, task=name)

    async def _repeat(
        self, seconds: float, func: Callable[[], Awaitable[object]], name: str, jitter: float
    ) -> None:
        while True:
            chance = int.from_bytes(self._ids.bytes(4), "big") / 2**32
            await asyncio.sleep(seconds * (1 + jitter * (2 * chance - 1)))
            try:
                await func()
            except Exception as problem:  # noqa: BLE001 -- one failed turn must not end the rest
                self._failed(name, problem)


async def _end(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
