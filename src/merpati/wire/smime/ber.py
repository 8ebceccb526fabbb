"""ASN.1's basic encoding rules, as far as signatures need them: a tree of elements (X.690 8).

Bounded: each byte is looked at a fixed number of times, and nesting ends at `DEPTH_MAX`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from merpati.base.faults import SyntaxFault

DEPTH_MAX: Final = 32
ELEMENTS_MAX: Final = 20_000

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONSTRUCTED: Final = 0x20


class Element(NamedTuple):
    """One element.

    Attributes:
        tag: its identifier octet.
        raw: all of it, as encoded.
        value: its contents; of a constructed one, still encoded.
        children: of a constructed one.
    """

    tag: int
    raw: bytes
    value: bytes
    children: tuple[Element, ...]

    def child(self, at: int) -> Element:
        """A child. Raises SyntaxFault when there are not as many."""
        if at >= len(self.children):
            raise SyntaxFault("an element of the signature is missing")
        return self.children[at]

    def oid(self) -> str:
        """The value of an object identifier. Raises SyntaxFault for anything else."""
        if self.tag != OID or not self.value or len(self.value) > 64:
            raise SyntaxFault("an object identifier was expected in the signature")
        arcs = []
        arc = 0
        for byte in self.value:
            arc = arc << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2) if arcs else 0
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]])) if arcs else ""

    def integer(self) -> int:
        """The value of an integer. Raises SyntaxFault for anything else."""
        if self.tag != INTEGER or not self.value or len(self.value) > 1024:
            raise SyntaxFault("a number was expected in the signature")
        return int.from_bytes(self.value, "big", signed=True)

    def octets(self) -> bytes:
        """The bytes of an octet string, of all its pieces if it has some."""
        if self.tag & ~CONSTRUCTED not in (OCTETS, 0x80):
            raise SyntaxFault("an octet string was expected in the signature")
        if not self.tag & CONSTRUCTED:
            return self.value
        return b"".join(piece.octets() for piece in self.children)


def parse(data: bytes) -> Element:
    """The element that the bytes begin with.

    Raises:
        SyntaxFault: it is broken, too deep, or has too many parts.
    """
    reader = _Reader(data)
    element, _ = reader.element(0, len(data), 0)
    return element


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0

    def element(self, at: int, end: int, depth: int) -> tuple[Element, int]:
        """The element at a place, and where it ends; the recursion is as deep as `DEPTH_MAX`."""
        self._count += 1
        if depth > DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise SyntaxFault("the signature is nested too deeply")
        start = at
        tag, length, at = self._head(at, end)
        children: list[Element] = []
        if length is None:  # ends where two zero octets stand
            inner = at
            while self._data[inner : inner + 2] != b"\0\0" or inner + 2 > end:
                child, inner = self.element(inner, end, depth + 1)
                children.append(child)
            stop = inner + 2
            return self._made(tag, start, stop, self._data[at:inner], children), stop
        stop = at + length
        if stop > end:
            raise SyntaxFault("the signature ends too early")
        if tag & CONSTRUCTED:
            inner = at
            while inner < stop:
                child, inner = self.element(inner, stop, depth + 1)
                children.append(child)
        return self._made(tag, start, stop, self._data[at:stop], children), stop

    def _made(
        self, tag: int, start: int, end: int, value: bytes, children: list[Element]
    ) -> Element:
        return Element(tag, self._data[start:end], value, tuple(children))

    def _head(self, at: int, end: int) -> tuple[int, int | None, int]:
        data = self._data
        if at + 2 > end:
            raise SyntaxFault("the signature ends too early")
        tag, first = data[at], data[at + 1]
        at += 2
        if tag & 0x1F == 0x1F:
            raise SyntaxFault("an element of the signature has a tag that none has")
        if first < 0x80:
            return tag, first, at
        if first == 0x80:
            if not tag & CONSTRUCTED:
                raise SyntaxFault("an element of the signature has no length")
            return tag, None, at
        count = first & 0x7F
        if count > 4 or at + count > end:
            raise SyntaxFault("an element of the signature is too long")
        return tag, int.from_bytes(data[at : at + count], "big"), at + count
