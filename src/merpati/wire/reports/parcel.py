"""How an aggregate report travels: packed, named, and as a file in a mail (RFC 9990 3.5).

What comes is unpacked without trust: the size of what comes out is bounded while it comes
out, and of a zip archive only the first file is read.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import text, tree
from merpati.wire.mime.tree import Part
from merpati.wire.reports.aggregate import MAX_XML, Report

MEDIA_TYPE: Final = "application/gzip"
MAX_PACKED: Final = 16 * 1024 * 1024
"""Bytes of a report as it comes."""
MAX_FILES: Final = 5
"""Files of one mail that are looked at; a report has one."""
MAX_PARTS: Final = 200
"""Parts of one mail that are looked at."""

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
# A zip archive's local file header after its signature (APPNOTE 4.3.7).
_LOCAL: Final = struct.Struct("<4x2xHHHHIIIHH")
_STORED: Final = 0
_DEFLATED: Final = 8
_HAS_DESCRIPTOR: Final = 0x08
_ENCRYPTED: Final = 0x01

_KINDS: Final = frozenset({
    "application/gzip", "application/x-gzip", "application/zip", "application/x-zip",
    "application/x-zip-compressed", "application/octet-stream", "application/xml", "text/xml",
})  # fmt: skip
_NAMES: Final = (".xml.gz", ".xml", ".zip", ".gz", ".gzip")


def pack(xml: bytes) -> bytes:
    """The report in gzip (RFC 1952); the same bytes each time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(xml) + packer.flush()


def file_name(receiver: str, report: Report) -> str:
    """The name of the file; the same when the report is sent again.

    Args:
        receiver: The domain that made the report.
        report: The report.
    """
    return f"{receiver}!{report.published.domain}!{report.begin}!{report.end}.xml.gz"


def subject(submitter: str, report: Report) -> str:
    """The subject of the mail that carries it."""
    return (
        f"Report Domain: {report.published.domain} Submitter: {submitter}"
        f" Report-ID: <{report.report_id}>"
    )


def unpack(data: bytes) -> bytes:
    """The XML in a file: in gzip, in a zip archive, or as it is.

    Raises:
        SyntaxFault: it is damaged, encrypted, or larger than a report may be.
    """
    if len(data) > MAX_PACKED:
        raise SyntaxFault(f"the file is larger than {MAX_PACKED} bytes")
    if data.startswith(_GZIP):
        return _inflate(data, 31)
    if data.startswith(_ZIP):
        return _first_of_archive(data)
    return data


def files(content: bytes | mmap.mmap) -> list[bytes]:
    """The files of a mail that may be reports."""
    found: list[bytes] = []
    waiting: list[Part] = [tree.parse(content)]
    for _ in range(MAX_PARTS):
        if not waiting or len(found) == MAX_FILES:
            break
        part = waiting.pop(0)
        if part.type == "multipart":
            waiting.extend(part.children)
        elif _may_be_report(part) and part.body_end - part.body_start <= 2 * MAX_PACKED:
            found.append(text.content(content, part))
    return found


def _may_be_report(part: Part) -> bool:
    if f"{part.type}/{part.subtype}" in _KINDS:
        return True
    names = [value for name, value in (*part.disposition_params, *part.params)
             if name in {"filename", "name"}]  # fmt: skip
    return any(name.lower().endswith(_NAMES) for name in names)


def _inflate(data: bytes, window: int) -> bytes:
    unpacker = zlib.decompressobj(window)
    try:
        found = unpacker.decompress(data, MAX_XML + 1)
    except zlib.error:
        raise SyntaxFault("the file is damaged") from None
    if len(found) > MAX_XML:
        raise SyntaxFault(f"the file holds more than {MAX_XML} bytes")
    if not unpacker.eof:
        raise SyntaxFault("the file is cut off")
    return found


def _first_of_archive(data: bytes) -> bytes:
    if len(data) < _LOCAL.size:
        raise SyntaxFault("the archive is cut off")
    flags, method, _, _, _, packed, _, name_length, extra_length = _LOCAL.unpack_from(data)
    start = _LOCAL.size + name_length + extra_length
    if flags & _ENCRYPTED:
        raise SyntaxFault("the archive is encrypted")
    if method == _DEFLATED:
        return _inflate(data[start:], -15)
    if method == _STORED and not flags & _HAS_DESCRIPTOR and start + packed <= len(data):
        return data[start : start + packed]
    raise SyntaxFault("the archive is packed in a way that is not known")
