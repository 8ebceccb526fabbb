from __future__ import annotations

from pathlib import Path

from merpati.model.mailbox import INBOX_ID
from merpati.servers.imap import fetch
from merpati.store import email_keywords, emails, fetch_pages, finding
from merpati.store.engine import Transaction
from tests.support.imap import Client, serve
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


async def test_what_is_told_out_of_pages_is_the_same(tmp_path: Path) -> None:
    count = 3 * fetch_pages.SPAN
    texts = ["Subject: n%d", "Subject: n\u00e9%d", "To: B\u00e9 <b\u00e9@ex\u00e9.org>\r\nX: %d"]
    message = b"Content-Type: multipart/mixed; boundary=b\r\n%b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    asked = (
        b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)",
        b"UID FETCH 1:* (FLAGS ENVELOPE INTERNALDATE)",
        b"FETCH 100:500 BODYSTRUCTURE",
        b"UID FETCH 300:*,1:2 ENVELOPE",
    )
    async with TestInstance(tmp_path) as instance:
        for n in range(count):
            await instance.deliver(message % (texts[n % 3] % n).encode())
        client = await Client.connect(serve(instance), mailbox="INBOX")
        await client.ok("STORE 7,300:310 +FLAGS.SILENT (\\Deleted)")
        await client.ok("EXPUNGE")
        rows = [await client.ok(one) for one in asked]
        pages = await instance.store.scan(fetch_pages.filled, instance.ana.id, INBOX_ID, 0, count)
        assert len(pages) == 6
        await instance.store.write(finding.save_pages, pages)
        assert [await client.ok(one) for one in asked] == rows
        told = await client.ok("FETCH 1:200 ENVELOPE")

        async def spoil(tx: Transaction) -> None:
            await tx.run("UPDATE message SET envelope = $1", b"other")

        await instance.store.write(spoil)
        assert await client.ok("FETCH 1:200 ENVELOPE") == told  # so it is the page that is read
        other = await Client.connect(serve(instance), mailbox="INBOX")
        await other.ok("STORE 20:30 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        told = await client.command(b"FETCH 1:* ENVELOPE")
        assert client.text.startswith("NO [EXPUNGEISSUED]"), client.text
        assert len(told) == count - 12 - 11
        await other.close()
        await client.close()
