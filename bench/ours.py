"""Our own server under measurement: an installation of this tree with the settings it ships."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.meter import Group
from bench.target import PASSWORD, USERS, Ports, Target, free_ports
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.services.login import hash_password
from merpati.store import directory

MERPATI: Final = Path(sys.executable).with_name("merpati")
DOMAIN: Final = "ours.test"
WORKERS: Final = 2
START_SECONDS: Final = 30.0
HIGH: Final = (2525, 2587, 2465, 2143, 2993, 2110, 2995, 2910, 2080, 2424, 2443, 4190)
TRIES: Final = 50


class Ours:
    """One installation, served by a supervisor and two workers."""

    def __init__(self, folder: Path) -> None:
        """Makes it, with its accounts; `start` serves it."""
        self.folder = folder / "ours"
        self._group = Group("ours")
        self.add = free_high_set()
        made = subprocess.run(
            [MERPATI, "init", self.folder, "--domain", DOMAIN, "--ports", f"high+{self.add}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise SystemExit(f"merpati init failed: {made.stderr}")
        asyncio.run(self._add_accounts())
        self._ports = Ports(*(port + self.add for port in (2525, 2143, 2993, 2110)))

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "merpati.toml"

    @property
    def certificate(self) -> Path:
        """The certificate, which the peers show as well."""
        return self.folder / "tls" / "certificate.pem"

    @property
    def key(self) -> Path:
        """The certificate's private key."""
        return self.folder / "tls" / "key.pem"

    def target(self) -> Target:
        """Us."""
        return Target(
            name="ours",
            title="Merpati",
            ports=self._ports,
            users=f"u%d@{DOMAIN}",
            groups=(self._group,),
            on_the_way=lambda: 0,  # the 250 comes after the commit that puts it in the mailbox
        )

    def index(self, *, on: bool) -> None:
        """Whether it keeps an index of all text, from the next start on."""
        text = self.config.read_text()
        assert "\n[search]\n" in text, "the configuration has no [search]"
        text = text.replace("\n[search]\nindex = false\n", "\n[search]\n")
        if not on:
            text = text.replace("\n[search]\n", "\n[search]\nindex = false\n")
        self.config.write_text(text)

    def start(self) -> float:
        """Serves; seconds until it is ready."""
        command = [str(MERPATI), "serve", "-c", str(self.config), "--workers", str(WORKERS)]
        return start_until_ready(self._group, command, self.folder / "output")

    def stop(self) -> None:
        """Stops serving."""
        self._group.stop()

    def close(self) -> None:
        """Stops for good."""
        self._group.close()

    async def _add_accounts(self) -> None:
        store = await open_store(read_config(self.config))
        hashed = hash_password(PASSWORD)  # once, since it is made to be slow
        now = int(time.time() * 1000)

        async def unit(tx: Any) -> None:
            for number in range(USERS):
                address = f"u{number}@{DOMAIN}"
                await directory.add_account(tx, address, name="", password=hashed, now=now)

        try:
            await store.write(unit)
        finally:
            await store.close()


def start_until_ready(group: Group, command: list[str], output: Path) -> float:
    """Starts a server that says `merpati ready`; seconds until it did."""
    began = time.perf_counter()
    with output.open("wb") as file:
        child = group.start(command, file)
    while b"merpati ready" not in output.read_bytes():
        if child.poll() is not None or time.perf_counter() - began > START_SECONDS:
            raise SystemExit(f"{command} did not get ready:\n{output.read_text()[-2000:]}")
        time.sleep(0.002)
    return time.perf_counter() - began


def free_high_set() -> int:
    """An N for which the ports of `high+N` are free."""
    for base in free_ports(TRIES):
        add = base % 28_000 + 1_000  # below the ports that outgoing connections get
        if all(_is_free(port + add) for port in HIGH):
            return add
    raise SystemExit("no set of ports is free")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
