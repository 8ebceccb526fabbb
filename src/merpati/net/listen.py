"""Listening sockets, and one task per client that is let in.

The supervisor binds before it forks: one socket per worker in one SO_REUSEPORT
group. The kernel spreads clients over them, and since the supervisor keeps
them all, the clients queued for a worker that died wait for its successor.

Accepting is done here and not by the event loop's server. What is over a limit
is refused before anything is made for it. And when file descriptors run out,
uvloop's server cuts off everybody in the queue and may close itself without a
word, asyncio's logs an error for each place in the queue; here accepting just
rests for a moment.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.limits import Concurrency, address_key
from merpati.base.networks import Networks
from merpati.net import unix_address
from merpati.net.stream import Connection
from merpati.wire import proxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from typing import Self

    from merpati.base.log import Log
    from merpati.net.reaper import Reaper

    Handler = Callable[[Connection], Awaitable[None]]
    Refusal = Callable[[Fault], bytes]

BACKLOG: Final = 1024
ACCEPT_BATCH: Final = 64  # clients taken in one turn of the event loop
REST: Final = 0.5  # seconds without accepting when descriptors or memory have run out
PROXY_TIMEOUT: Final = 10.0  # seconds for a balancer to say whose connection it carries on
LAST_CALL: Final = 1.0  # seconds for a session to end after it was cut off

_TOO_FEW: Final = {errno.EMFILE, errno.ENFILE}
_QUIET: Final = {Kind.CLOSED, Kind.TIMEOUT}


class ListenerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen: an IP address and a port, or the path of a Unix socket."""

    name: str  # "submissions"; for logs
    host: str = ""  # "0.0.0.0", "::", ...
    port: int = 0  # 0 lets the kernel choose
    path: str = ""  # of a Unix socket; then host and port do not count
    mode: int = 0o660  # of that socket
    tls: bool = False  # implicit TLS: the handshake comes before anything else

    def __str__(self) -> str:
        return self.path or f"port {self.port} of {self.host}"


def bind(spec: ListenerSpec, copies: int = 1) -> list[socket.socket]:
    """Listening sockets for so many workers; clients queue from now on.

    Copies of a Unix socket share one queue, as SO_REUSEPORT is not for them.

    Raises:
        Fault: CONFIG, with a text that says what to do.
    """
    try:
        return _bind_unix(spec, copies) if spec.path else _bind_tcp(spec, copies)
    except OSError as error:
        raise Fault(Kind.CONFIG, f"{spec}: {_advice(error)} ({spec.name})") from error


class Gate:
    """How many clients are let in: in total and per address (per /64 for IPv6).

    It is asked before anything is made for a client. Several listeners may
    share one; each worker has its own. Unix sockets are not limited.
    """

    __slots__ = ("_inside", "_total")

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._inside = Concurrency(per_address, total)

    def enter(self, key: str) -> Fault | None:
        """Counts one more of `key` (see `address_key`), or says why not."""
        if self._inside.enter(key):
            return None
        if self._inside.active >= self._total:
            return Fault(Kind.TOO_MANY, "Too many connections; try again later.")
        return Fault(Kind.TOO_MANY, f"Too many connections from {key}; close some first.")

    def leave(self, key: str) -> None:
        """One that entered is gone."""
        self._inside.leave(key)


class Listener:
    """Accepts clients on one socket and runs `handler(connection)` for each.

    The connection is closed when the handler returns. A handler may let the
    faults CLOSED and TIMEOUT pass, and UNAVAILABLE once it is asked to end.
    Any other exception is a defect: it is logged, and ends that session only.

    `accepted`, `refused` and `failed` (defects) count since the start.
    """

    def __init__(
        self,
        sock: socket.socket,
        handler: Handler,
        *,
        name: str,
        reaper: Reaper,
        gate: Gate,
        log: Log,
        context: ssl.SSLContext | None = None,
        refusal: Refusal | None = None,
        proxies: Networks | None = None,
    ) -> None:
        """Prepares; `start` begins.

        `context` makes TLS implicit, and may be exchanged later. `refusal` gives the
        line that tells a client why it is not let in; there is none before a TLS handshake.
        Whoever connects from `proxies` must begin with a PROXY header.
        """
        self._sock = sock
        self._handler = handler
        self._name = name
        self._reaper = reaper
        self._gate = gate
        self._log = log
        self.context = context
        self._refusal = refusal
        self._proxies = proxies or Networks()
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[asyncio.Task[None], Connection] = {}
        self._resting: asyncio.TimerHandle | None = None
        self._open = False
        self._troubled = False
        self._unix = sock.family == socket.AF_UNIX
        self.accepted = 0
        self.refused = 0
        self.failed = 0

    @property
    def active(self) -> int:
        """Sessions that go on now."""
        return len(self._sessions)

    def start(self) -> Self:
        """Accepts from now on."""
        self._sock.setblocking(False)
        self._open = True
        self._loop.add_reader(self._sock.fileno(), self._accept)
        return self

    def stop(self) -> None:
        """Accepts no more; sessions go on. This worker's copy of the socket is closed."""
        if not self._open:
            return
        self._open = False
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        else:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    async def drain(self, within: float) -> int:
        """Stops, asks all sessions to end, and cuts off those left after `within` seconds.

        Gives how many were cut off.
        """
        self.stop()
        for connection in self._sessions.values():
            connection.retire()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=within)
        late = dict(self._sessions)
        for connection in late.values():
            connection.abort()
        if late:
            _, stuck = await asyncio.wait(late, timeout=LAST_CALL)
            for task in stuck:  # it waits for something that is not the peer
                task.cancel()
            if stuck:
                await asyncio.wait(stuck, timeout=LAST_CALL)
        return len(late)

    def _accept(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                client, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # it left the queue before its turn
                continue
            except OSError as error:  # no descriptor or memory is left
                self._rest(error)
                return
            self._troubled = False
            client.setblocking(False)
            self._admit(client, address)

    def _admit(self, client: socket.socket, address: tuple[str, int] | str) -> None:
        peer = "unix" if self._unix else address[0]
        proxied = peer in self._proxies
        # Of a balancer's clients each is counted by its own address, once that is known.
        key = "" if self._unix or proxied else address_key(peer)
        fault = self._gate.enter(key) if key else None
        if fault is not None:
            self._refuse(client, fault)
            return
        self.accepted += 1
        connection = Connection(self._loop, self._reaper)
        if not self._unix:  # as the kernel may have forgotten it by the time it is asked
            connection.peer, connection.peer_port = address[0], int(address[1])
        task = self._loop.create_task(self._serve(client, connection, key, proxied=proxied))
        self._sessions[task] = connection
        task.add_done_callback(self._sessions.pop)

    def _refuse(self, client: socket.socket, fault: Fault) -> None:
        self.refused += 1
        try:
            if self._refusal is not None and self.context is None:
                client.send(self._refusal(fault))
        except OSError:
            pass  # it would have been told the same
        finally:
            client.close()

    def _rest(self, error: OSError) -> None:
        if not self._troubled:
            self._troubled = True
            advice = "raise LimitNOFILE, or lower the limit on connections"
            self._log.error(
                "listen.resting",
                listener=self._name,
                problem=error.strerror,
                sessions=len(self._sessions),
                advice=advice if error.errno in _TOO_FEW else "",
            )
        self._loop.remove_reader(self._sock.fileno())
        self._resting = self._loop.call_later(REST, self._resume)

    def _resume(self) -> None:
        self._resting = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    async def _serve(
        self, client: socket.socket, connection: Connection, key: str, *, proxied: bool
    ) -> None:
        try:
            if proxied:
                key = await self._begin_proxied(client, connection)
            else:
                await self._begin(client, connection)
            await self._handler(connection)
            await connection.close()
        except Exception as problem:  # noqa: BLE001 -- the one place where a session's defects end
            self._ended(connection, problem)
        finally:
            connection.abort()
            if key:
                self._gate.leave(key)

    async def _begin(self, client: socket.socket, connection: Connection) -> None:
        if self.context is not None:
            connection.expect_tls(self.context)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError as error:
            client.close()
            raise Fault(Kind.CLOSED, f"{connection.peer} left at once.") from error
        if self.context is not None:
            await connection.handshake()

    async def _begin_proxied(self, client: socket.socket, connection: Connection) -> str:
        """Learn whose connection a balancer carries on (`wire.proxy`); what it is counted by."""
        await self._loop.connect_accepted_socket(lambda: connection, client)
        rest = await _read_header(connection)
        key = "" if connection.peer in self._proxies else address_key(connection.peer)
        fault = self._gate.enter(key) if key else None
        if fault is not None:
            self.refused += 1
            if self._refusal is not None and self.context is None:
                connection.write(self._refusal(fault))
            await connection.close()
            raise Fault(Kind.CLOSED, fault.text)
        try:
            if self.context is not None:
                connection.expect_tls(self.context)
                connection.data_received(rest)
                await connection.handshake()
            else:
                connection.unread(rest)
        except Fault:
            if key:
                self._gate.leave(key)
            raise
        return key

    def _ended(self, connection: Connection, problem: Exception) -> None:
        if isinstance(problem, Fault) and (
            problem.kind in _QUIET or (problem.kind is Kind.UNAVAILABLE and connection.draining)
        ):
            self._log.debug(
                "session.ended", listener=self._name, peer=connection.peer, reason=problem.text
            )
        else:
            self.failed += 1
            self._log.exception("session.failed", listener=self._name, peer=connection.peer)


async def _read_header(connection: Connection) -> bytes:
    """Read a PROXY header and believe it; what came behind it.

    Raises:
        Fault: CLOSED, there is none, or the peer went away; TIMEOUT.
    """
    connection.deadline(PROXY_TIMEOUT)
    data = b""
    found = None
    while found is None:
        data += await connection.read_some()
        while connection.pending():
            data += await connection.read_some()
        try:
            found = proxy.parse(data)
        except SyntaxFault as fault:
            raise Fault(Kind.CLOSED, f"{connection.peer}: {fault.text}.") from fault
    proxied, length = found
    if proxied.peer:
        connection.peer, connection.peer_port = proxied.peer, proxied.peer_port
        connection.local, connection.local_port = proxied.local, proxied.local_port
    connection.deadline(None)
    return data[length:]


def _bind_tcp(spec: ListenerSpec, copies: int) -> list[socket.socket]:
    try:
        version = ipaddress.ip_address(spec.host).version
    except ValueError as error:
        raise Fault(
            Kind.CONFIG,
            f"{spec}: {spec.host!r} is not an IP address; use 0.0.0.0 or :: for all ({spec.name})",
        ) from error
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    # SO_REUSEPORT would let a second server of the same user share the port in
    # silence, so a socket without it asks first whether the port is free.
    probe = _bound(family, spec, spec.port, share=False)
    probe.close()
    sockets: list[socket.socket] = []
    port = spec.port
    try:
        for _ in range(copies):
            sock = _bound(family, spec, port, share=copies > 1)
            sockets.append(sock)
            port = sock.getsockname()[1]  # the same for all when the kernel chooses
            sock.listen(BACKLOG)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bound(
    family: socket.AddressFamily, spec: ListenerSpec, port: int, *, share: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # What is accepted inherits these.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.bind(socket.getaddrinfo(spec.host, port, family, socket.SOCK_STREAM)[0][4])
    except OSError:
        sock.close()
        raise
    return sock


def _bind_unix(spec: ListenerSpec, copies: int) -> list[socket.socket]:
    _remove_stale(spec.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with unix_address.fitting(spec.path) as address:
            sock.bind(address)
        Path(spec.path).chmod(spec.mode)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return [sock, *(sock.dup() for _ in range(copies - 1))]


def _remove_stale(path: str) -> None:
    """Removes the socket that a server left when it was killed; a live one stays."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            with unix_address.fitting(path) as address:
                probe.connect(address)
        except ConnectionRefusedError:
            Path(path).unlink()


def _advice(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return "permission denied; run as root or use --ports high"
        case errno.EADDRINUSE:
            return "another program listens there; stop it or choose another port"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
        case errno.EAFNOSUPPORT:
            return "this machine has no IPv6; use 0.0.0.0"
        case _:
            return (error.strerror or str(error)).lower()
