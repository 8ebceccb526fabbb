"""Bring the store's schema up to this release, before any worker opens it."""

from __future__ import annotations

import asyncio
import os
import traceback

from merpati.app.installation import Config, open_store
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.store import schema


async def migrate(config: Config, log: Log | None = None) -> None:
    """Take the steps the store lacks. Raises Fault CONFIG for a store of a newer release."""
    store = await open_store(config)
    try:
        for step in await store.write(schema.migrate):
            if log is not None:
                log.info("store.migrated", version=step.version, name=step.name)
    finally:
        await store.close()


def in_child(config: Config, log: Log) -> None:
    """The same in a process of its own, so that the supervisor has no threads when it forks.

    Raises:
        Fault: UNAVAILABLE when the store could not be opened; the log has said why.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(migrate(config, log))
            status = 0
        except Fault as fault:
            log.error("store.unusable", reason=fault.text)  # noqa: TRY400 -- expected, no traceback
        except BaseException:  # noqa: BLE001 -- the last chance to say why; the process ends here
            traceback.print_exc()
        finally:
            log.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        raise Fault(Kind.UNAVAILABLE, "the store cannot be opened; see the lines above")
