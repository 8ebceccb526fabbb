"""The arguments of a command, read with what the command's head has told."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, TypeVar

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import flags, names, sets
from merpati.wire.imap.lexer import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

LIST_ITEMS_MAX: Final = 10_000  # elements of one parenthesised list; ours

_SET: Final = re.compile(rb"[0-9*:,]+|\$")
_FLAG: Final = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")


class Arguments(Cursor):
    """What follows a command's name. `uid`: it began with UID; `utf8`: names are UTF-8."""

    __slots__ = ("supplied", "tag", "uid", "utf8", "written")

    def __init__(
        self, parts: list[bytes], at: int, tag: bytes, uid: bool = False, utf8: bool = False
    ) -> None:
        super().__init__(parts, at)
        self.tag = tag
        self.uid = uid
        self.utf8 = utf8
        self.supplied = ""  # the last name read
        self.written = ""  # the same, if the server composes its characters otherwise

    def mailbox(self) -> str:
        """A space and a mailbox name."""
        self.space()
        return self.name()

    def name(self) -> str:
        """A mailbox name."""
        text = self.supplied = names.exact(self.astring(), self.utf8)
        if not text.isascii() and not unicodedata.is_normalized("NFC", text):
            self.written = text  # RFC 9051 5.1
        return names.canonical(text)

    def set(self) -> sets.SequenceSet:
        """A space and a sequence set."""
        self.space()
        return sets.parse(self.match(_SET, "a sequence set")[0])

    def known_set(self) -> sets.SequenceSet:
        """A set without `*` or `$`, no space before it (RFC 7162 7, known-uids)."""
        value = sets.parse(self.match(_SET, "a sequence set")[0])
        if value.saved or any(sets.STAR in pair for pair in value.ranges):
            raise SyntaxFault("only numbers may stand here")
        return value

    def list_of(self, read: Callable[[], T], *, empty: bool = True) -> tuple[T, ...]:
        """`(` items separated by spaces `)`."""
        self.expect(b"(")
        if empty and self.take(b")"):
            return ()
        items = [read()]
        while not self.take(b")"):
            if len(items) == LIST_ITEMS_MAX:
                raise SyntaxFault(f"a list may have at most {LIST_ITEMS_MAX:,} elements")
            self.space()
            items.append(read())
        return tuple(items)

    def option(self, table: Mapping[bytes, T], what: str) -> T:
        """A word out of `table`."""
        found = table.get(self.word(what))
        if found is None:
            raise SyntaxFault(f"expected {what}")
        return found

    def flag(self) -> bytes:
        """A flag or attribute as written, with its backslash if it has one."""
        return self.match(_FLAG, "a flag")[0]

    def keyword(self) -> str:
        """A flag, as its stored keyword."""
        return flags.keyword(self.flag())

    def keywords(self) -> tuple[str, ...]:
        """A flag-list, in parentheses or (for STORE) bare; each flag once."""
        if self.comes(b"("):
            found = self.list_of(self.keyword)
        else:
            bare = [self.keyword()]
            while self.take(b" "):
                bare.append(self.keyword())
            found = tuple(bare)
        if len(found) > flags.FLAGS_MAX:
            raise SyntaxFault(f"at most {flags.FLAGS_MAX} flags can be named")
        return tuple(dict.fromkeys(found))
