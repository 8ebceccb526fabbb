"""An installation that shows certificates on a TLS port and proves names on a web port."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from contextlib import AsyncExitStack
from pathlib import Path

from cryptography import x509

from merpati.base.log import Level, Log, Sink
from merpati.net.dns_update import Tsig
from merpati.net.listen import Gate, Listener, ListenerSpec, bind
from merpati.net.reaper import Reaper
from merpati.net.stream import Connection
from merpati.net.tls import CertificateFiles, CertificateStore, make_self_signed
from merpati.services.certificates import AcmeSettings, Certificates, installed
from merpati.store import certificates
from merpati.store.certificates import Certificate
from merpati.store.engine import Store
from tests.support import store as stores
from tests.support.certificates import Authority
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer
from tests.support.pebble import Pebble

HOST = "mail.a.test"
DAY = 86_400
KEY = Tsig("merpati", "c2VjcmV0IHNlY3JldA==")


class World:
    """An installation with its web ports, its zone, and an authority that looks there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(time.time())
        self.stack = AsyncExitStack()
        self.log_file = folder / "log"

    async def open(self) -> None:
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT)
        self.stack.callback(os.close, descriptor)
        self.log = Log(Sink(self.clock, fd=descriptor, level=Level.INFO))
        self.store: Store = await stores.sqlite(self.folder)
        self.stack.push_async_callback(self.store.close)
        certificate, key = make_self_signed([HOST], time.time())
        (self.folder / "own.pem").write_bytes(certificate)
        (self.folder / "own.key").write_bytes(key)
        self.own = CertificateFiles(self.folder / "own.pem", self.folder / "own.key")
        zone = {name: {"A": "127.0.0.1"} for name in (HOST, "imap.a.test", "mta-sts.a.test")}
        self.dns = await self.stack.enter_async_context(DnsServer(zone))
        self.chain = CertificateStore([self.own])
        self.http_port = await self._serve(self._page, None)
        self.tls_port = await self._serve(self._nothing, self.chain.context)

    async def _serve(self, handler: object, context: ssl.SSLContext | None) -> int:
        [sock] = bind(ListenerSpec(name="web", host="127.0.0.1"))
        port: int = sock.getsockname()[1]
        listener = Listener(
            sock, handler, name="web", reaper=Reaper(0.02), gate=Gate(50, 50), log=self.log,  # type: ignore[arg-type]
            context=context,
        ).start()  # fmt: skip
        self.stack.push_async_callback(listener.drain, 0.2)
        return port

    async def _page(self, connection: Connection) -> None:
        """HTTP-01, in a few lines that share nothing with the web server."""
        token = (await connection.read_line(500)).split(b" ")[1].rpartition(b"/")[2]
        answer = await self.store.read(certificates.answer, "http-01", token.decode())
        status = "200 OK" if answer else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
        connection.write((head + answer).encode())

    async def _nothing(self, connection: Connection) -> None:
        await connection.read_some()

    async def pebble(self) -> Pebble:
        one = Pebble(self.folder, self.dns.nameserver, self.http_port, self.tls_port)
        return await self.stack.enter_async_context(one)

    def certificates(
        self, authority: Pebble | None = None, worker: str = "w1", **settings: object
    ) -> Certificates:
        given = {"enabled": True, "dns_wait": 0, **settings}
        if authority is not None:
            given |= {"directory": authority.directory, "trusted": authority.trusted}
        acme = self.folder / "acme"
        return Certificates(
            worker, self.store, self.chain, lambda: [*installed(acme, HOST), self.own], acme,
            HOST, AcmeSettings(**given), (self.dns.nameserver, KEY), self.clock, self.log,  # type: ignore[arg-type]
        )  # fmt: skip

    async def shown(self, name: str) -> x509.Certificate:
        """The certificate that a client sees who asks for a name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.tls_port, ssl=context, server_hostname=name
        )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return x509.load_der_x509_certificate(der)


def names(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return sorted(extension.value.get_values_for_type(x509.DNSName))


def stored(name: str, *, days: float = 90, chain: str | None = None) -> Certificate:
    issued = Authority("some").issue(name, days=days)
    return Certificate(
        name, (name,), issued.chain_pem.decode() if chain is None else chain,
        issued.key_pem.decode(), renew_at=2**50,
    )  # fmt: skip
