"""sieve-connect, a client from Debian, looks after scripts over TLS."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from merpati.store import sieve
from tests.servers.managesieve.server import ManageSieveServer
from tests.support.programs import need
from tests.support.server import ANA, PASSWORD

SCRIPT = 'require "fileinto";\r\nif header :contains "subject" "x" { fileinto "INBOX"; }\r\n'


async def _run(port: int, folder: Path, *words: str) -> str:
    """What one call says; it must succeed."""
    secret, given = os.pipe()
    os.write(given, PASSWORD.encode() + b"\n")
    os.close(given)
    process = await asyncio.create_subprocess_exec(
        need("sieve-connect"), "--server", "localhost", "--port", str(port), "--user", ANA,
        "--passwordfd", str(secret), "--authmech", "PLAIN", "--tlscafile",
        str(folder / "cert.pem"), "--4", *words, pass_fds=[secret], cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    os.close(secret)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_sieve_connect_stores_lists_activates_and_fetches(server: ManageSieveServer) -> None:
    instance = server.instance
    port = server.listen(login_without_tls=False)
    (instance.folder / "work.sieve").write_bytes(SCRIPT.encode())
    sent = ("--localsieve", "work.sieve", "--remotesieve", "work")
    await _run(port, instance.folder, *sent, "--upload")
    await _run(port, instance.folder, "--remotesieve", "work", "--activate")
    assert '"work" ACTIVE' in await _run(port, instance.folder, "--list")
    found = await instance.store.read(sieve.runs, instance.ana.id)
    assert found is not None
    assert found.source.decode().split() == SCRIPT.split()
    fetched = ("--localsieve", "back.sieve", "--remotesieve", "work", "--download")
    await _run(port, instance.folder, *fetched)
    assert (instance.folder / "back.sieve").read_text().split() == SCRIPT.split()
    await _run(port, instance.folder, "--deactivate")
    await _run(port, instance.folder, "--remotesieve", "work", "--delete")
    assert await instance.store.read(sieve.scripts, instance.ana.id) == []
