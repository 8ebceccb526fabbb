"""One side of a TLS session between buffers in memory, small while it is idle.

The event loops bring a TLS layer of their own. It is not used, for what it
keeps: uvloop's holds a 256 KiB buffer per connection, of which every page once
touched stays (measured: 24 KB for a fresh connection, 448 KB after a peer has
sent one message of 400 KB); asyncio's costs 280 KB from the start. Here bytes
go through OpenSSL in slices of `SLICE`, so that its buffers, which grow and
never shrink, stay at about 20 KB even after a bulk transfer. It also takes no
timer per handshake or shutdown, and a peer's bad handshake is a `ssl.SSLError`
for the caller and not a traceback in the log.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SLICE: Final = 16_384  # one record's plaintext (RFC 8446 5.1)

# How a client's first flight says that it is an authority looking for a proof: the name of
# the protocol behind its length (RFC 8737 4). `ssl` tells it when it is too late to choose.
ASKS_PROOF: Final = b"\x0aacme-tls/1"


class Records:
    """Turns a peer's TLS records into plain bytes, and plain bytes into records.

    `established` is true once the handshake is done, `ended` once the peer has
    said close_notify. After every call that takes bytes in, `outgoing` may
    hold records that must be sent: handshake flights, alerts, key updates.
    """

    __slots__ = ("_from_peer", "_to_peer", "ended", "established", "tls")

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, name: str | None) -> None:
        self._from_peer = ssl.MemoryBIO()
        self._to_peer = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._from_peer, self._to_peer, server_side=server_side, server_hostname=name
        )
        self.established = False
        self.ended = False

    def feed(self, data: bytes) -> list[bytes]:
        """Takes what the peer sent and gives the plain bytes that are whole now.

        An empty `data` starts a client's handshake.

        Raises:
            ssl.SSLError: the handshake failed or a record is forged; `outgoing`
                then holds the alert that says so.
        """
        plain: list[bytes] = []
        if len(data) <= SLICE:
            self._step(data, plain)
            return plain
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            self._step(view[start : start + SLICE], plain)
        return plain

    def seal(self, data: bytes) -> list[bytes]:
        """Gives the records that carry `data`."""
        view = memoryview(data)
        sealed = []
        for start in range(0, len(data), SLICE):
            self.tls.write(view[start : start + SLICE])
            sealed.append(self._to_peer.read())
        return sealed

    def outgoing(self) -> bytes:
        """Takes what must be sent to the peer; often nothing."""
        return self._to_peer.read() if self._to_peer.pending else b""

    def close_notify(self) -> bytes:
        """The record that says that no more will come (RFC 8446 6.1)."""
        with suppress(ssl.SSLError, ValueError):  # it waits for the answer, which nobody needs
            self.tls.unwrap()
        return self._to_peer.read()

    def peer_chain(self) -> Iterable[bytes]:
        """The peer's certificates as it sent them, leaf first, as DER."""
        session = self.tls._sslobj  # type: ignore[attr-defined]
        chain = session.get_unverified_chain() or ()
        return (certificate.public_bytes(_DER) for certificate in chain)

    def _step(self, data: bytes | memoryview, plain: list[bytes]) -> None:
        self._from_peer.write(data)
        try:
            if not self.established:
                if self.tls.server_side and ASKS_PROOF in bytes(data):
                    self.tls.asks_proof = True  # type: ignore[attr-defined]
                self.tls.do_handshake()
                self.established = True
            # Asking for no more than there can be keeps each read's allocation
            # at its need; asking OpenSSL only while there is something avoids
            # its costly "want read" exception in the common case.
            while size := self._from_peer.pending + self.tls.pending():
                chunk = self.tls.read(size)
                if not chunk:
                    self.ended = True
                    return
                plain.append(chunk)
        except ssl.SSLWantReadError:
            pass  # the rest of a record has yet to come
        except ssl.SSLZeroReturnError:
            self.ended = True


_DER: Final = 2  # _ssl.ENCODING_DER; ssl itself offers the chain from Python 3.13 on only
