"""Messages with parts of any bytes, by IMAP (RFC 3516) or SMTP (RFC 3030), made into lines.

What comes so is kept as base64: every protocol can hand that out, every server takes it, and
IMAP's BINARY and JMAP's blobs give the very bytes again. What a signature covers cannot be
changed, so such a message is refused while its sender still listens.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable

from merpati.base.faults import Fault, Kind
from merpati.store.blobs import Spool
from merpati.wire.mime import armour, tree
from merpati.wire.mime.armour import Edit
from merpati.wire.mime.tree import Part
from merpati.wire.smtp.chunks import ChunkDecoder


async def without_nul(raw: Spool, fresh: Spool) -> Spool:
    """A message without NUL in its binary parts: `fresh`, or `raw` if it has none.

    Raises:
        Fault: NO_SPACE, UNAVAILABLE; `fresh` is empty then.
    """
    content = raw.content()
    edits = await _edits(armour.edits, content)
    if not edits:
        return raw
    try:
        for piece in armour.apply(content, edits):
            fresh.add(piece)
            await asyncio.sleep(0)
    except BaseException:
        fresh.discard()
        raise
    return fresh


async def in_lines(raw: Spool, fresh: Spool) -> Spool:
    """A message that is sent as lines, in `fresh`: no part of it is binary.

    Raises:
        Fault: DENIED when it has other bytes than those of lines where they cannot be encoded;
            NO_SPACE, UNAVAILABLE. `fresh` is empty then.
    """
    content = raw.content()
    edits = await _edits(armour.edits_for_transport, content)
    lines = ChunkDecoder()
    has_nul = False
    try:
        for piece in armour.apply(content, edits):
            has_nul = has_nul or b"\0" in piece
            fresh.add(lines.feed(piece))
            await asyncio.sleep(0)
        fresh.add(lines.finish())
    except BaseException:
        fresh.discard()
        raise
    if has_nul or lines.fault is not None:
        fresh.discard()
        text = "it has bytes outside of lines that may not be encoded, as in a signed part"
        raise Fault(Kind.DENIED, text, "5.6.2")
    return fresh


async def _edits(
    find: Callable[[bytes | mmap.mmap, Part], list[Edit]], content: bytes | mmap.mmap
) -> list[Edit]:
    return await asyncio.to_thread(lambda: find(content, tree.parse(content)))
