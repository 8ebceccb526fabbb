"""OpenPGP public keys as bytes (RFC 9580), and where a key directory has them (WKD).

Of a transferable public key (10.1) only its packets are looked at: whose it is, its fingerprint,
that nothing secret is in it. Signatures are for whoever uses the key; they are not judged here.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault

SIZE_MAX: Final = 256 * 1024  # octets; a key that many have certified is large
PACKETS_MAX: Final = 2000
SIGNATURE: Final = 2  # packet types, RFC 9580 5
SECRET: Final = frozenset({5, 7})
PUBLIC: Final = 6
USER_ID: Final = 13
PUBLIC_SUBKEY: Final = 14
USER_ATTRIBUTE: Final = 17
_BRACKETED: Final = re.compile(r"<([^<>\s]+@[^<>\s]+)>\s*")
_BARE: Final = re.compile(r"[^<>\s]+@[^<>\s]+")
_Z_BASE_32: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"


class Packet(msgspec.Struct, frozen=True):
    """A packet: its type, its body, and all of its octets."""

    type: int
    body: bytes
    whole: bytes


class PublicKey(msgspec.Struct, frozen=True):
    """A transferable public key.

    Attributes:
        packets: In their order.
        fingerprint: Of the primary key, hexadecimal, lower case.
        addresses: Of its user ids, lower case.
    """

    packets: tuple[Packet, ...]
    fingerprint: str
    addresses: tuple[str, ...]

    def encode(self) -> bytes:
        """Its octets."""
        return b"".join([packet.whole for packet in self.packets])

    def only(self, address: str) -> PublicKey:
        """The key with no user id but those of an address, as a directory is to give it."""
        kept = []
        keeps = True
        for packet in self.packets:
            if packet.type == USER_ID:
                keeps = address_of(packet.body) == address
            elif packet.type == USER_ATTRIBUTE:
                keeps = False
            elif packet.type != SIGNATURE:
                keeps = True
            if keeps:
                kept.append(packet)
        return PublicKey(tuple(kept), self.fingerprint, (address,))


def parse(data: bytes) -> PublicKey:
    """The one public key that some octets are, not armoured. Raises SyntaxFault."""
    found = parse_all(data)
    if len(found) > 1:
        raise SyntaxFault("these are several keys")
    return found[0]


def parse_all(data: bytes) -> list[PublicKey]:
    """The public keys that some octets are, one at least, not armoured. Raises SyntaxFault."""
    found = packets(data)
    if not found or found[0].type != PUBLIC:
        raise SyntaxFault("that is no OpenPGP public key")
    if any(packet.type in SECRET for packet in found):
        raise SyntaxFault("that is a secret key; nobody but you may have it")
    starts = [n for n, packet in enumerate(found) if packet.type == PUBLIC]
    ends = [*starts[1:], len(found)]
    return [_key(found[start:end]) for start, end in zip(starts, ends, strict=True)]


def _key(found: tuple[Packet, ...]) -> PublicKey:
    addresses = [address_of(packet.body) for packet in found if packet.type == USER_ID]
    known = tuple(dict.fromkeys(address for address in addresses if address))
    return PublicKey(found, fingerprint(found[0].body), known)


def packets(data: bytes) -> tuple[Packet, ...]:
    """The packets of some octets (RFC 9580 4.2), none of them in pieces. Raises SyntaxFault."""
    if len(data) > SIZE_MAX:
        raise SyntaxFault(f"a key has at most {SIZE_MAX} octets")
    found: list[Packet] = []
    at = 0
    while at < len(data):
        if len(found) == PACKETS_MAX:
            raise SyntaxFault(f"a key has at most {PACKETS_MAX} packets")
        type_, start, end = _header(data, at)
        if end > len(data):
            raise SyntaxFault("a packet is cut off")
        found.append(Packet(type_, data[start:end], data[at:end]))
        at = end
    return tuple(found)


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Of a packet: its type, and where its body begins and ends."""
    first = data[at]
    if not first & 0x80:
        raise SyntaxFault("that is no OpenPGP packet")
    if not first & 0x40:  # the old format, RFC 9580 4.2.2
        octets = (1, 2, 4, 0)[first & 3]
        if not octets:
            raise SyntaxFault("a packet has no length")
        start = at + 1 + octets
        return first >> 2 & 0xF, start, start + int.from_bytes(data[at + 1 : start])
    type_ = first & 0x3F
    length = tuple(data[at + 1 : at + 6])
    match length[:2]:
        case (one, *_) if one < 192:
            return type_, at + 2, at + 2 + one
        case (one, two) if one < 224:
            return type_, at + 3, at + 3 + (one - 192 << 8) + two + 192
        case (255, _) if len(length) > 4:
            return type_, at + 6, at + 6 + int.from_bytes(bytes(length[1:]))
    raise SyntaxFault("a packet has no length")


def fingerprint(body: bytes) -> str:
    """Of a primary key (RFC 9580 5.5.4), hexadecimal. Raises SyntaxFault."""
    version = body[:1]
    if version == b"\x04" and len(body) < 1 << 16:
        octets = b"\x99" + len(body).to_bytes(2) + body
        return hashlib.sha1(octets, usedforsecurity=False).hexdigest()
    if version == b"\x06":
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4) + body).hexdigest()
    raise SyntaxFault("keys of this version are not known here")


def address_of(user_id: bytes) -> str:
    """The address that a user id names (RFC 9580 5.11), lower case, or an empty string."""
    text = user_id.decode("utf-8", "replace").strip()
    match = _BRACKETED.search(text)
    if match is not None:
        return match[1].lower()
    return text.lower() if _BARE.fullmatch(text) else ""


def directory_hash(local: str) -> str:
    """Where a directory has the key of a local part (draft-koch-openpgp-webkey-service 3.1)."""
    digest = hashlib.sha1(local.lower().encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest)
    return "".join(_Z_BASE_32[number >> 5 * place & 31] for place in range(31, -1, -1))
