"""Files of messages as Dovecot's zlib plugin packs them, told by how they begin.

Nothing in their names can be relied on, and no message begins with such octets.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from merpati.base.faults import Fault, Kind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK: Final = 256 * 1024
_PACKED: Final[tuple[tuple[bytes, Callable[..., Any]], ...]] = (
    (b"\x1f\x8b\x08", gzip.open),
    (b"\x28\xb5\x2f\xfd", zstd.open),
    (b"\xfd7zXZ\x00", lzma.open),
    *((b"BZh%d1AY&SY" % level, bz2.open) for level in range(1, 10)),
)
_CLOSED: Final = (b"Dovecot-LZ4", b"CRYPTED\x03\x07")  # its own LZ4, and its mail_crypt plugin
_DAMAGE: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)


def chunks(file: Path) -> Iterator[bytes]:
    """What a file holds, unpacked, in pieces.

    Raises:
        OSError: it cannot be read.
        Fault: UNSUPPORTED, CORRUPT for one that cannot be unpacked.
    """
    with file.open("rb") as plain:
        head = plain.read(16)
        unpack = next((how for magic, how in _PACKED if head.startswith(magic)), None)
        if head.startswith(_CLOSED):
            text = "Dovecot has encrypted it, or packed it with LZ4; use: merpati import imap"
            raise Fault(Kind.UNSUPPORTED, text)
        if unpack is None:
            plain.seek(0)
            while chunk := plain.read(CHUNK):
                yield chunk
            return
    try:
        with unpack(file) as content:
            while chunk := content.read(CHUNK):
                yield chunk
    except _DAMAGE as error:
        raise Fault(Kind.CORRUPT, "it is packed, and damaged") from error
