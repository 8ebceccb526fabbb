"""OpenSSL, which has DANE of its own, judges the same chains by the same records."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from merpati.net import dane
from merpati.net.dane import Mistrust
from merpati.wire.dane import Tlsa
from tests.support.certificates import Authority, Issued, der, spki
from tests.support.programs import need

HOST = "mx.there.test"
ROOT = Authority("root")
MIDDLE = Authority("middle", signer=ROOT)
SHORT = Authority("short", path_length=0)
BELOW = Authority("below", signer=SHORT)
PLAIN = Authority("plain", signer=ROOT, ca=False)
GOOD = MIDDLE.issue(HOST)
WHOLE = Issued(GOOD.certificate, GOOD.key, (*GOOD.above, ROOT.certificate))


def with_root(issued: Issued, root: Authority = ROOT) -> Issued:
    return Issued(issued.certificate, issued.key, (*issued.above, root.certificate))


def record(usage: int, selector: int, matching: int, certificate: object) -> Tlsa:
    content = (der, spki)[selector](certificate)  # type: ignore[arg-type]
    if matching:
        content = {1: hashlib.sha256, 2: hashlib.sha512}[matching](content).digest()
    return Tlsa(usage, selector, matching, content)


BY_ROOT = record(2, 0, 1, ROOT.certificate)
CASES = {
    "own key": (GOOD, record(3, 1, 1, GOOD.certificate)),
    "own certificate, SHA-512": (GOOD, record(3, 0, 2, GOOD.certificate)),
    "own certificate, whole": (GOOD, record(3, 0, 0, GOOD.certificate)),
    "another key": (GOOD, record(3, 1, 1, ROOT.certificate)),
    "own key, another name": (ROOT.issue("other.test"), None),
    "own key, expired": (ROOT.issue(HOST, days=-3), None),
    "authority presented": (WHOLE, BY_ROOT),
    "authority's key presented": (WHOLE, record(2, 1, 1, ROOT.certificate)),
    "authority in the middle": (WHOLE, record(2, 0, 1, MIDDLE.certificate)),
    "authority absent": (GOOD, BY_ROOT),
    "authority absent, given whole": (GOOD, record(2, 0, 0, ROOT.certificate)),
    "authority of others": (WHOLE, record(2, 0, 1, SHORT.certificate)),
    "authority, another name": (with_root(ROOT.issue("other.test")), BY_ROOT),
    "authority, wildcard": (with_root(ROOT.issue("*.there.test")), BY_ROOT),
    "authority, expired": (with_root(ROOT.issue(HOST, days=-3)), BY_ROOT),
    "no right to sign": (with_root(PLAIN.issue(HOST)), BY_ROOT),
    "path too long": (with_root(BELOW.issue(HOST), SHORT), record(2, 0, 1, SHORT.certificate)),
}  # fmt: skip


@asynccontextmanager
async def shown(issued: Issued) -> AsyncIterator[int]:
    """A port where this chain is presented."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=issued.server_context())
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def openssl(issued: Issued, tlsa: Tlsa) -> bool:
    """Whether OpenSSL believes the chain by the record."""
    async with shown(issued) as port:
        process = await asyncio.create_subprocess_exec(
            need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}",
            "-dane_tlsa_domain", HOST, "-dane_tlsa_rrdata", str(tlsa),
            "-dane_ee_no_namechecks", "-verify_return_error", "-no_ign_eof",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await process.communicate()
        return b"Verify return code: 0 (ok)" in output


@pytest.mark.parametrize("case", CASES)
async def test_openssl_comes_to_the_same(case: str) -> None:
    issued, tlsa = CASES[case]
    if tlsa is None:
        tlsa = record(3, 1, 1, issued.certificate)
    try:
        dane.verify(issued.chain, [tlsa], [HOST], time.time())
        ours = True
    except Mistrust:
        ours = False
    assert await openssl(issued, tlsa) == ours
