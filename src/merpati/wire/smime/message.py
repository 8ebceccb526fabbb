"""Where the signature of a message is, and what it signs (RFC 8551 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import text
from merpati.wire.smime import signed_data

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part

SIGNATURE_MAX: Final = 1024 * 1024  # bytes of a signature that stands apart
_SIGNATURES: Final = frozenset({"pkcs7-signature", "x-pkcs7-signature"})
_WRAPPED: Final = frozenset({"pkcs7-mime", "x-pkcs7-mime"})


class Signed(msgspec.Struct, frozen=True):
    """A signature, and the bytes it signs; None when it holds them itself."""

    signature: bytes
    content: bytes | None


def is_smime(root: Part) -> bool:
    """Whether a message is signed or encrypted with S/MIME, by its structure alone."""
    return _apart(root) is not None or (root.type == "application" and root.subtype in _WRAPPED)


def find(buffer: bytes | mmap.mmap, root: Part) -> Signed | None:
    """The signature of a message; None for one without, or with one that is too large."""
    signature = _apart(root)
    if signature is not None:
        if signature.size > SIGNATURE_MAX:
            return None
        first = root.children[0]
        return Signed(
            text.content(buffer, signature), bytes(buffer[first.header_start : first.body_end])
        )
    if root.type == "application" and root.subtype in _WRAPPED:
        return Signed(text.content(buffer, root), None)
    return None


def opened(buffer: bytes | mmap.mmap, part: Part) -> bytes:
    """What a part holds, its encoding undone; of a signed block (RFC 8551 3.5.2) what is signed."""
    content = text.content(buffer, part)
    if part.type == "application" and part.subtype in _WRAPPED:
        try:
            return signed_data.parse(content).content or content
        except SyntaxFault:
            pass  # it is encrypted, or broken, and stays what it is
    return content


def _apart(root: Part) -> Part | None:
    """The part with the signature of multipart/signed (RFC 1847 2.1)."""
    if (root.type, root.subtype) != ("multipart", "signed") or len(root.children) != 2:
        return None
    last = root.children[1]
    return last if last.type == "application" and last.subtype in _SIGNATURES else None
