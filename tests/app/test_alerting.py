"""What alerts look at on a machine, and `merpati alert`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.store import alerts
from merpati.store.alerts import Found
from tests.app.conftest import Merpati
from tests.support.store import NOW


def test_alerts_are_listed_with_the_next_step(merpati: Merpati, folder: Path) -> None:
    assert merpati("alert", "list").out == "Nothing is wrong, as far as the server knows.\n"

    async def work() -> None:
        store = await open_store(read_config(folder / "merpati.toml"))
        found = [Found("disk-low", "/data", {"free": 3})]
        await store.write(alerts.settle, {"disk-low"}, found, NOW)
        await store.close()

    asyncio.run(work())
    shown = merpati("alert", "list").out
    assert "The disk of /data has 3 % left." in shown
    assert "Make room" in shown
    [one] = merpati("alert", "list", "--all", "--json").json
    assert (one["kind"], one["openedAt"], one["closedAt"]) == ("disk-low", NOW, 0)
