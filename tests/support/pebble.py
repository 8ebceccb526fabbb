"""Pebble, a small ACME authority, on loopback, that looks for proofs where tests want it to."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import Authority
from tests.support.instance import free_port
from tests.support.programs import need


@dataclass
class Pebble:
    """`async with Pebble(folder, dns_port, http_port, tls_port) as authority:`."""

    folder: Path
    nameserver: tuple[str, int]
    http_port: int = 0
    tls_port: int = 0
    port: int = 0
    days: int = 90
    _process: Process | None = None

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def trusted(self) -> Path:
        """Who vouches for its web server."""
        return self.folder / "pebble-ca.pem"

    async def __aenter__(self) -> Self:
        program = need("pebble")
        root = Authority("pebble's web server")
        issued = root.issue("localhost", addresses=("127.0.0.1",))
        self.trusted.write_bytes(root.certificate.public_bytes(Encoding.PEM))
        (self.folder / "pebble.pem").write_bytes(issued.chain_pem)
        (self.folder / "pebble.key").write_bytes(issued.key_pem)
        self.port, management = free_port(), free_port()
        config = {
            "pebble": {
                "listenAddress": f"127.0.0.1:{self.port}",
                "managementListenAddress": f"127.0.0.1:{management}",
                "certificate": str(self.folder / "pebble.pem"),
                "privateKey": str(self.folder / "pebble.key"),
                "httpPort": self.http_port,
                "tlsPort": self.tls_port,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False,
                "certificateValidityPeriod": self.days * 86_400,
            }
        }
        file = self.folder / "pebble.json"
        file.write_text(json.dumps(config))
        host, port = self.nameserver
        self._process = await asyncio.create_subprocess_exec(
            program, "-config", file, "-dnsserver", f"{host}:{port}",
            stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
            env=os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20"},
        )  # fmt: skip
        await self._listening()
        return self

    async def _listening(self) -> None:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    async def __aexit__(self, *exc: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
