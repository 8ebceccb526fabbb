"""One HTTPS request, bounded in size and time: policies are fetched by it, and reports posted.

The server must show a good certificate for its name. Redirects are answers like any other:
where one leads is not what was asked for (RFC 8461 3.3 forbids to follow).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httptools
import msgspec

from merpati.base.faults import Fault, Kind
from merpati.net.connect import connect
from merpati.net.stream import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from merpati.net.dns import Resolver
    from merpati.net.reaper import Reaper

PORT: Final = 443
MAX_ADDRESSES: Final = 4  # of one host that are tried
MAX_HEAD: Final = 65_536  # octets of an answer besides its body
# Names of this machine that no resolver is asked for (RFC 6761 6.3).
THIS_MACHINE: Final = {"localhost": ("127.0.0.1", "::1"), "127.0.0.1": ("127.0.0.1",)}
CONNECT_TIMEOUT: Final = 10.0  # seconds for one address


class Response(msgspec.Struct, frozen=True):
    """An answer: its status, its fields by lower-case name, and its whole body."""

    status: int
    fields: dict[str, str]
    body: bytes


class Https:
    """Makes requests for one worker; `context` says whom to believe."""

    def __init__(
        self,
        resolver: Resolver,
        reaper: Reaper,
        context: ssl.SSLContext,
        agent: str = "merpati",
        allows: Callable[[str], bool] | None = None,
    ) -> None:
        """`allows` says whether a request may go to an address; without it, to any."""
        self._allows = allows
        self._resolver = resolver
        self._reaper = reaper
        self._context = context
        self._agent = agent

    async def request(
        self,
        method: str,
        host: str,
        path: str,
        *,
        port: int = PORT,
        body: bytes = b"",
        media_type: str = "",
        fields: Mapping[str, str] | None = None,
        limit: int,
        within: float,
        tls: bool = True,
    ) -> Response:
        """The answer to one request.

        Args:
            method: `GET` or `POST`.
            host: A-labels.
            path: From the first slash on, with a query if there is one; printable ASCII.
            port: Where the server listens.
            body: What is posted.
            media_type: What it is.
            fields: Further fields of the request.
            limit: Octets of an answer's body.
            within: Seconds for all of it.
            tls: Not without it, but to programs on this machine.

        Raises:
            Fault: UNAVAILABLE, with the reason in its text, and the `ssl.SSLError` at the end
                of its causes when the certificate is bad.
        """
        assert (host + path).isascii(), "to be encoded by the caller"
        assert (host + path).isprintable(), "to be encoded by the caller"
        assert " " not in host + path, "to be encoded by the caller"
        place = host if port == PORT else f"{host}:{port}"
        scheme = "https" if tls else "http"
        head = f"{method} {path} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: {self._agent}\r\n"
        if method == "POST":
            head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        head += "".join([f"{name}: {value}\r\n" for name, value in (fields or {}).items()])
        head += "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(within):
                connection = await self._connect(host, port, tls=tls)
                try:
                    connection.write(head.encode() + body)
                    return await _answer(connection, host, limit)
                finally:
                    connection.abort()
        except TimeoutError:
            text = f"{scheme}://{place}{path} gave no whole answer within {within:g} s."
            raise Fault(Kind.UNAVAILABLE, text) from None

    async def _addresses(self, host: str) -> Sequence[str]:
        return THIS_MACHINE[host] if host in THIS_MACHINE else await self._resolver.addresses(host)

    async def _connect(self, host: str, port: int, *, tls: bool) -> Connection:
        """A connection to the first address that lets us in."""
        problem = Fault(Kind.UNAVAILABLE, f"{host} has no address.")
        for address in (await self._addresses(host))[:MAX_ADDRESSES]:
            if self._allows is not None and not self._allows(address):
                problem = Fault(Kind.UNAVAILABLE, f"{host} is at an address that is not allowed.")
                continue
            try:
                connection = await connect(self._reaper, address, port, within=CONNECT_TIMEOUT)
            except Fault as fault:
                problem = fault
                continue
            if not tls:
                return connection
            try:
                await connection.start_tls(self._context, server_side=False, server_name=host)
            except BaseException as error:
                connection.abort()
                if not isinstance(error, Fault):
                    raise
                problem = error
            else:
                return connection
        raise Fault(Kind.UNAVAILABLE, problem.text) from problem


async def _answer(connection: Connection, host: str, limit: int) -> Response:
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    received = 0
    while not reading.complete:
        try:
            chunk = await connection.read_some()
            parser.feed_data(chunk)
        except httptools.HttpParserError as error:
            text = f"{host} answered with something that is not HTTP: {error}."
            raise Fault(Kind.UNAVAILABLE, text) from error
        except Fault as fault:
            # Without a length the answer ends with the connection (RFC 9112 6.3).
            if fault.kind is Kind.CLOSED and reading.ends_with_connection:
                break
            raise Fault(Kind.UNAVAILABLE, fault.text) from fault
        received += len(chunk)
        if reading.size > limit or received - reading.size > MAX_HEAD:
            text = f"{host} answered with more than {limit} bytes."
            raise Fault(Kind.UNAVAILABLE, text)
    return Response(parser.get_status_code(), reading.fields, b"".join(reading.chunks))


class _Reading:
    """Gathers an answer as the parser finds it."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.size = 0
        self.complete = False
        self._head_complete = False

    @property
    def ends_with_connection(self) -> bool:
        return self._head_complete and not {"content-length", "transfer-encoding"} & set(
            self.fields
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_complete = True

    def on_body(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.size += len(chunk)

    def on_message_complete(self) -> None:
        self.complete = True
