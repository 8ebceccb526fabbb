from __future__ import annotations

from pathlib import Path

from merpati.model.mailbox import INBOX_ID
from merpati.servers.imap import fetch
from merpati.store import email_keywords, emails
from tests.support.server import TestInstance


async def test_what_others_mark_as_seen_meanwhile_keeps_their_modseq(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        place = instance.ana.id, INBOX_ID
        for _ in range(3):
            await instance.deliver(b"Subject: hi\r\n\r\nhello\r\n")
        seen = frozenset({"$seen"})
        add = email_keywords.Change.ADD
        theirs, _, _ = await instance.store.write(email_keywords.change, *place, [1], add, seen)
        ours, told = await instance.store.write(fetch.mark_seen, *place, [1, 2])
        assert ours == theirs + 1
        assert told == {1: ("$seen", theirs), 2: ("$seen", ours)}
        none, told = await instance.store.write(fetch.mark_seen, *place, [1])
        assert (none, told) == (0, {1: ("$seen", theirs)})
        ours, told = await instance.store.write(fetch.mark_seen, *place, [3])
        assert told == {3: ("$seen", ours)}
        rows = await instance.store.read(emails.fetch, *place, [1, 2, 3], ("uid", "modseq"))
        assert dict(rows) == {1: theirs, 2: theirs + 1, 3: ours}
        assert await instance.store.write(fetch.mark_seen, *place, [9]) == (0, {})
