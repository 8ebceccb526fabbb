"""A blocking IMAP client for measuring: it reads at socket speed and parses next to nothing."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from bench.target import Target

SECONDS: Final = 300.0
BUFFER: Final = 1 << 20


class Imap:
    """A session, signed in as one user of a server."""

    def __init__(self, target: Target, user: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", target.ports.imap), SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._count = 0
        self._buffer = memoryview(bytearray(BUFFER))
        self.line()
        self.command(f'LOGIN "{target.user(user)}" "{target.password}"')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(b"Z LOGOUT\r\n")
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self._socket.sendall(data)

    def fileno(self) -> int:
        """Of its socket."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """What is there now.

        Raises:
            EOFError: the server has closed.
        """
        piece = self._socket.recv(BUFFER)
        if not piece:
            raise EOFError
        return piece

    def line(self) -> bytes:
        """One line, byte by byte, so that nothing of the next is taken."""
        out = bytearray()
        while not out.endswith(b"\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise EOFError(bytes(out))
            out += byte
        return bytes(out)

    def command(self, text: str) -> bytes:
        """Sends a command and gives all that came back.

        Raises:
            RuntimeError: the server refused it.
        """
        data = bytearray()
        self._exchange(text, data)
        return bytes(data)

    def drink(self, text: str) -> int:
        """Sends a command and throws away what comes back; how many bytes that were."""
        return self._exchange(text, None)

    def append(self, box: str, messages: list[bytes]) -> None:
        """Stores messages with one command (RFC 3502)."""
        self._count += 1
        tag = f"Q{self._count} ".encode()
        parts = [b" {%d+}\r\n%b" % (len(message), message) for message in messages]
        self._socket.sendall(tag + b"APPEND " + box.encode() + b"".join(parts) + b"\r\n")
        self._finish(tag, None)

    def _exchange(self, text: str, data: bytearray | None) -> int:
        self._count += 1
        tag = f"Q{self._count} ".encode()
        self._socket.sendall(tag + text.encode() + b"\r\n")
        return self._finish(tag, data)

    def _finish(self, tag: bytes, data: bytearray | None) -> int:
        """Reads up to the line that begins with the tag; how many bytes came."""
        tail = b""
        total = 0
        while True:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise EOFError(tail)
            total += count
            if data is not None:
                data += self._buffer[:count]
            tail = tail[-4096:] + bytes(self._buffer[max(0, count - 4096) : count])
            if not tail.endswith(b"\r\n"):
                continue
            last = tail[tail.rfind(b"\r\n", 0, -2) + 2 :] if tail.count(b"\r\n") > 1 else tail
            if last.startswith(tag):
                if not last.startswith(tag + b"OK"):
                    raise RuntimeError(last.decode(errors="replace"))
                return total
