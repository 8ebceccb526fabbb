"""Messages with addresses in UTF-8, for clients that never said UTF8=ACCEPT (RFC 6858).

Such a client gets a surrogate: the message with its own header in ASCII. All that is told of it
comes from the surrogate, its envelope, structure and sections, but for RFC822.SIZE, which stays
the size of what is stored: to know better, every message would have to be looked at whose size is
asked for. Ordinary mail pays a look at whether its bytes are ASCII.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from merpati.servers.imap.client import Client
from merpati.servers.imap.content import COLUMNS, Bytes, Content
from merpati.servers.imap.view import View
from merpati.store import emails
from merpati.store.engine import Row
from merpati.wire.imap import structure
from merpati.wire.imap.envelope import KEYS, RECIPIENTS, of_values
from merpati.wire.mime import downgrade, headers, tree
from merpati.wire.mime.tree import Part

LARGE: Final = 1 << 20  # bytes; a surrogate of more is kept in a file

TOLD: Final = ("envelope", "bodystructure")  # the columns that say what stands in headers


class Surrogate(Content):
    """A message as such a client sees it; most are just what they are.

    Attributes:
        differs: once the bytes were asked for: whether it is not the message itself.
    """

    __slots__ = ("differs",)

    @property
    def raw(self) -> Bytes:
        """The surrogate. Raises Fault CORRUPT."""
        if self._bytes is None:
            raw = super().raw
            end = raw.find(b"\r\n\r\n", 0, downgrade.HEADER_MAX) + 4
            head = raw[:end] if end >= 4 else b""
            self.differs = not head.isascii() and downgrade.is_wanted(head)
            if self.differs:
                written = downgrade.header(head)
                self._bytes = _joined(written, raw, end)
        return super().raw

    @property
    def structure(self) -> Part:
        """The structure of the surrogate. Raises Fault CORRUPT."""
        if self._tree is None and self.raw and self.differs:
            self._tree = tree.parse(self.raw)
        return super().structure

    def described(self, column: str) -> bytes:
        """What stands in one of the columns `TOLD`, of the surrogate."""
        root = self.structure
        if column == "bodystructure":
            return structure.bodystructure(root, self.raw)
        fields = headers.collect(self.raw, root.header_start, root.body_start, KEYS, RECIPIENTS)
        return of_values(fields)


async def described(
    client: Client, view: View, columns: Sequence[str], found: list[Row]
) -> list[Row]:
    """Rows in which envelopes and structures are those of surrogates."""
    places = [place for place, name in enumerate(columns) if name in TOLD]
    if all(all(map(bytes.isascii, filter(None, map(itemgetter(at), found)))) for at in places):
        return found
    uids = [row[0] for row in found if not all((row[at] or b"").isascii() for at in places)]
    contents = await client.services.store.read(
        emails.fetch, view.account_id, view.mailbox_id, uids, ("uid", *COLUMNS)
    )
    surrogates = {row[0]: Surrogate(client.services.blob_store, row[1:]) for row in contents}
    told = []
    for row in found:
        one = surrogates.get(row[0])
        if one is not None and one.raw and one.differs:
            client.downgraded.append(row[0])
            values = list(row)
            for at in places:
                values[at] = one.described(columns[at])
            told.append(tuple(values))
        else:
            told.append(row)
    return told


def _joined(head: bytes, raw: Bytes, at: int) -> Bytes:
    """A header, and what comes after `at`; in a file when that is much."""
    if len(raw) < LARGE:
        return head + raw[at:]
    with tempfile.TemporaryFile() as file, memoryview(raw) as view:
        file.write(head)
        file.write(view[at:])
        file.flush()
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
