"""Keys of other domains, from directories that answer over TLS on names of a real resolver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.services.key_lookup import KEEP, KEEP_NONE, KeyLookup
from merpati.services.web_push import is_public
from merpati.store import directory, published_keys
from merpati.store.sqlite import SqliteStore
from merpati.wire import openpgp
from tests.support import store as stores
from tests.support.certificates import Authority
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer
from tests.support.store import NOW, add_account

CORPUS = Path(__file__).parents[1] / "corpora" / "openpgp"
ROOT = Authority("root")
HASH = openpgp.directory_hash("ana")
ADVANCED = f"/.well-known/openpgpkey/far.test/hu/{HASH}?l=ana"
DIRECT = f"/.well-known/openpgpkey/hu/{HASH}?l=ana"
HERE = {"A": "127.0.0.1"}


def key(address: str) -> bytes:
    """A key of the corpus with another user id; nobody looks at signatures here."""
    packets = openpgp.parse((CORPUS / "ana-v4.key").read_bytes()).packets
    user_id = f"Ana <{address}>".encode()
    new = b"\xcd" + bytes((len(user_id),)) + user_id
    return b"".join([new if n == 1 else one.whole for n, one in enumerate(packets)])


class Directories:
    """A web server that has files by host and path, and keeps what was asked."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.asked: list[str] = []
        self.status = "200 OK"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        host = head.partition("Host: ")[2].partition("\r\n")[0].partition(":")[0]
        self.asked.append(f"{host}{path}")
        body = self.files.get((host, path))
        status = "404 Not Found" if body is None else self.status
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body or b'')}\r\n\r\n".encode())
        writer.write(body or b"")
        writer.close()


class Setting:
    """A lookup with its store, its clock, and the directories of the world."""

    def __init__(
        self, lookup: KeyLookup, store: SqliteStore, clock: FakeClock, web: Directories
    ) -> None:
        self.lookup = lookup
        self.store = store
        self.clock = clock
        self.web = web

    async def fault(self, address: str) -> Kind:
        with pytest.raises(Fault) as caught:
            await self.lookup.find(address)
        return caught.value.kind


@asynccontextmanager
async def world(
    folder: Path, zone: dict[str, dict[str, str]], *,
    allows: Callable[[str], bool] = lambda _: True,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Setting]:  # fmt: skip
    web = Directories()
    issued = ROOT.issue("far.test", "openpgpkey.far.test")
    server = await asyncio.start_server(
        web.serve, "127.0.0.1", 0, ssl=context or issued.server_context()
    )
    store = await stores.sqlite(folder)
    clock = FakeClock()
    async with DnsServer(zone) as dns:
        resolver = Resolver([dns.nameserver], clock)
        https = Https(resolver, Reaper(0.05), ROOT.client_context(), allows=allows)
        port = server.sockets[0].getsockname()[1]
        yield Setting(KeyLookup(store, resolver, https, clock, port), store, clock, web)
        await resolver.close()
    server.close()
    await store.close()


async def test_the_advanced_method_is_asked_where_its_host_exists(tmp_path: Path) -> None:
    async with world(tmp_path, {"far.test": HERE, "openpgpkey.far.test": HERE}) as one:
        one.web.files["openpgpkey.far.test", ADVANCED] = key("ana@far.test")
        one.web.files["far.test", DIRECT] = b"never asked"
        found = await one.lookup.find("ana@Far.Test")
        assert (found.address, found.source) == ("ana@far.test", "openpgpkey.far.test")
        assert openpgp.parse(found.key).addresses == ("ana@far.test",)
        assert one.web.asked == [f"openpgpkey.far.test{ADVANCED}"]


async def test_the_direct_method_is_asked_only_without_that_host(tmp_path: Path) -> None:
    async with world(tmp_path, {"far.test": HERE}) as one:
        one.web.files["far.test", DIRECT] = key("ana@far.test")
        assert (await one.lookup.find("ana@far.test")).source == "far.test"
    (tmp_path / "two").mkdir()
    zone = {"far.test": HERE, "openpgpkey.far.test": HERE}
    async with world(tmp_path / "two", zone) as one:
        one.web.files["far.test", DIRECT] = key("ana@far.test")
        assert await one.fault("ana@far.test") is Kind.NOT_FOUND
        assert one.web.asked == [f"openpgpkey.far.test{ADVANCED}"]


async def test_what_was_found_and_what_was_not_is_remembered_for_a_while(tmp_path: Path) -> None:
    async with world(tmp_path, {"far.test": HERE}) as one:
        assert await one.fault("ana@far.test") is Kind.NOT_FOUND
        assert await one.fault("ana@far.test") is Kind.NOT_FOUND
        assert len(one.web.asked) == 1
        one.web.files["far.test", DIRECT] = key("ana@far.test")
        one.clock.advance(KEEP_NONE + 1)
        both = await asyncio.gather(*[one.lookup.find("ana@far.test") for _ in range(5)])
        assert len(set(both)) == 1
        assert len(one.web.asked) == 2
        one.clock.advance(KEEP + 1)
        await one.lookup.find("ana@far.test")
        assert len(one.web.asked) == 3


async def test_of_several_keys_the_one_of_the_address_is_given_without_its_other_names(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, {"far.test": HERE}) as one:
        one.web.files["far.test", DIRECT] = key("budi@far.test") + key("ana@far.test")
        assert openpgp.parse((await one.lookup.find("ana@far.test")).key).addresses == (
            "ana@far.test",
        )


@pytest.mark.parametrize("body", [b"", b"<html>", key("mallory@far.test"), b"x" * 300_000])
async def test_what_is_no_key_of_the_address_is_none(tmp_path: Path, body: bytes) -> None:
    async with world(tmp_path, {"far.test": HERE}) as one:
        one.web.files["far.test", DIRECT] = body
        assert await one.fault("ana@far.test") in {Kind.NOT_FOUND, Kind.UNAVAILABLE}


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with world(tmp_path, {"far.test": HERE}) as one:
        one.web.files["far.test", DIRECT] = key("ana@far.test")
        one.web.status = "302 Found\r\nLocation: https://elsewhere.test/"
        assert await one.fault("ana@far.test") is Kind.NOT_FOUND
        assert len(one.web.asked) == 1


async def test_nothing_of_our_own_network_is_asked(tmp_path: Path) -> None:
    zone = {
        "far.test": HERE,
        "inner.test": {"A": "10.0.0.7"},
        "meta.test": {"A": "169.254.169.254"},
    }
    async with world(tmp_path, zone, allows=is_public) as one:
        for domain in ("far.test", "inner.test", "meta.test"):
            assert await one.fault(f"ana@{domain}") is Kind.UNAVAILABLE
        assert one.web.asked == []


@pytest.mark.parametrize(
    "address",
    ["ana", "ana@", "@far.test", "ana@localhost", "ana@[127.0.0.1]", "ana@127.0.0.1",
     "ana@far.test/x?", "ana@far.test\r\nX: y", "ana@far.test:8443"],
)  # fmt: skip
async def test_what_is_no_address_on_the_internet_asks_nobody(tmp_path: Path, address: str) -> None:
    async with world(tmp_path, {"far.test": HERE, "localhost": HERE}) as one:
        assert await one.fault(address) is Kind.SYNTAX
        assert one.web.asked == []


async def test_a_bad_certificate_is_no_answer(tmp_path: Path) -> None:
    other = ROOT.issue("other.test").server_context()
    async with world(tmp_path, {"far.test": HERE}, context=other) as one:
        one.web.files["far.test", DIRECT] = key("ana@far.test")
        assert await one.fault("ana@far.test") is Kind.UNAVAILABLE


async def test_an_address_here_is_looked_up_here_alone(tmp_path: Path) -> None:
    async with world(tmp_path, {"example.org": HERE}) as one:
        account = await add_account(one.store, "ana@example.org")
        assert await one.fault("ana@example.org") is Kind.NOT_FOUND
        data = key("ana@example.org")
        print_ = openpgp.parse(data).fingerprint
        await one.store.write(
            published_keys.publish, account.id, "ana@example.org", data, print_, NOW
        )
        found = await one.lookup.find("Ana@example.org")
        assert (found.key, found.fingerprint, found.source) == (data, print_, "example.org")
        assert await one.store.read(directory.home, "example.org") is not None
        assert one.web.asked == []
