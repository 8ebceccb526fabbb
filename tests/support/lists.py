"""Mailing lists of an installation that sends: made, filled and written to in a line each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.store import lists

if TYPE_CHECKING:
    from merpati.model.account import Account
    from merpati.model.mailing_list import MailingList
    from merpati.store.engine import Transaction
    from tests.support.post import Post

LIST: Final = "sales@example.org"
CARL: Final = "carl@there.test"
POST = (
    b"From: Ana <ana@example.org>\r\nTo: sales@example.org\r\nSubject: hi all\r\n"
    b"Message-ID: <1@example.org>\r\nList-Id: <forged.example>\r\nReturn-Receipt-To: x@y.test\r\n"
    b"\r\nhello\r\n"
)


class ListHouse:
    """What the tests do with lists."""

    def __init__(self, post: Post) -> None:
        self.post = post

    async def make(self, address: str = LIST, *members: str, **rules: str | int) -> MailingList:
        one = await self.post.store.write(lists.create, address, "Sales", "en", self.post.now)
        if rules:
            await self.post.store.write(lists.set_rules, one.id, **rules)
        for member in members:
            await self.add(one, member, is_member=True)
        return one

    async def add(self, one: MailingList, address: str, **flags: bool) -> None:
        token = address.partition("@")[0] + "token"

        async def unit(tx: Transaction) -> None:
            await lists.set_person(tx, one.id, address, token, self.post.now, **flags)

        await self.post.store.write(unit)

    async def members(self, one: MailingList) -> set[str]:
        people = await self.post.store.read(lists.people, one.id)
        return {person.address for person in people if person.is_member}

    async def write(
        self, sender: str, to: str, text: bytes = POST, account: Account | None = None
    ) -> str:
        trace = await self.post.send(sender, to, message=text, account=account)
        await self.post.work()
        return trace


def letter(author: str, subject: str = "", text: str = "", more: str = "") -> bytes:
    """A message, its own fields in `more`."""
    return f"From: {author}\r\nSubject: {subject}\r\n{more}\r\n{text}\r\n".encode()


def field(message: bytes, name: str) -> str:
    """The value of a field in one line, or an empty text."""
    line = r"[^\r\n]*"
    found = re.search(rf"(?im)^{name}:[ ]*({line}(?:\r\n[ \t]{line})*)".encode(), message)
    return found[1].replace(b"\r\n", b"").strip().decode() if found else ""
