from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.services import reminders as acts
from merpati.services.reminders import AGAIN, Reminders
from merpati.store import email_places, emails, reminders
from tests.support.clock import FakeClock
from tests.support.server import TestInstance

SENT = 3
HOUR = 3600
MINE = b"From: ana@here.test\r\nSubject: Offer\r\nMessage-ID: <1@here>\r\n\r\nWell?\r\n"
ANSWER = (
    b"From: z@far\r\nSubject: Re: Offer\r\nMessage-ID: <2@far>\r\nIn-Reply-To: <1@here>\r\n"
    b"References: <1@here>\r\n%b\r\nYes.\r\n"
)
MACHINE = b"Auto-Submitted: auto-replied\r\n"


class Office(TestInstance):
    __test__ = False

    async def sent(self) -> int:
        """A letter that waits for an answer for an hour."""
        uid = await self.deliver(MINE, mailbox_id=SENT, keywords="$seen")
        email_id = emails.first_id(SENT, uid)
        at = self.now + HOUR * 1000
        await self.store.write(acts.remind, self.ana.id, email_id, at, self.now)
        return email_id

    async def boxes(self, email_id: int) -> dict[int, str]:
        found = await self.store.read(email_places.find, self.ana.id, [email_id], ("keywords",))
        return {one.mailbox_id: one.row[2] for one in found.get(email_id, [])}

    async def waiting(self) -> list[int]:
        return [one.due_at for one in await self.store.read(reminders.due, 1 << 60, 10)]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with Office(tmp_path, clock=FakeClock()) as instance:
        yield instance


@pytest.fixture
def keeper(office: Office) -> Reminders:
    return Reminders(office.store, office.blobs, office.clock, office.log)


def advance(office: Office, seconds: float) -> None:
    assert isinstance(office.clock, FakeClock)
    office.clock.advance(seconds)


async def test_nothing_comes_up_before_its_time(office: Office, keeper: Reminders) -> None:
    uid = await office.deliver(MINE)
    await office.store.write(
        acts.snooze, office.ana.id, emails.first_id(1, uid), office.now + HOUR * 1000, office.now
    )
    advance(office, HOUR - 1)
    assert await keeper.turn() == 0
    advance(office, 1)
    assert await keeper.turn() == 1
    assert await keeper.turn() == 0
    assert await office.boxes(emails.first_id(1, uid)) == {1: "$awakened"}


async def test_a_letter_without_an_answer_comes_up(office: Office, keeper: Reminders) -> None:
    email_id = await office.sent()
    advance(office, HOUR)
    assert await keeper.turn() == 1
    assert await office.boxes(email_id) == {1: "$followup", SENT: "$followup"}


async def test_an_answer_ends_it(office: Office, keeper: Reminders) -> None:
    email_id = await office.sent()
    advance(office, 60)
    await office.deliver(ANSWER % b"")
    advance(office, HOUR)
    assert await keeper.turn() == 0
    assert await office.boxes(email_id) == {SENT: "$seen"}
    assert await office.waiting() == []


async def test_neither_a_machine_nor_oneself_answers(office: Office, keeper: Reminders) -> None:
    email_id = await office.sent()
    advance(office, 60)
    await office.deliver(ANSWER % MACHINE)
    await office.deliver(ANSWER.replace(b"<2@far>", b"<3@far>") % b"", mailbox_id=SENT)
    advance(office, HOUR)
    assert await keeper.turn() == 1
    assert await office.boxes(email_id) == {1: "$followup", SENT: "$followup"}


async def test_what_was_deleted_does_not_come_up(office: Office, keeper: Reminders) -> None:
    await office.sent()
    await office.store.write(emails.remove, office.ana.id, SENT, [1], office.now)
    advance(office, HOUR)
    assert await keeper.turn() == 0
    assert await office.waiting() == []


async def test_what_cannot_be_read_now_is_tried_again(office: Office, keeper: Reminders) -> None:
    await office.sent()
    advance(office, 60)
    await office.deliver(ANSWER % b"X-Long: %b\r\n" % (b"x" * 900 + b"\r\n ") * 400)
    [file] = [one for one in (office.folder / "blobs").rglob("*") if one.is_file()]
    kept = file.read_bytes()
    file.unlink()
    advance(office, HOUR)
    assert await keeper.turn() == 0
    assert await office.waiting() == [office.now + AGAIN]
    file.write_bytes(kept)
    advance(office, AGAIN / 1000)
    assert await keeper.turn() == 0
    assert await office.waiting() == []
