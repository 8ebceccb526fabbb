from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.net.mesh import DATAGRAM_MAX
from merpati.services.notify import PATIENCE, PAUSE, QUEUE_PAUSE, Notify, decode, encode
from merpati.store.engine import Announcement, Topic


class Tape:
    """A carrier that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.told: list[bytes] = []  # to the patient

    def send(self, data: bytes, *, patient: bool = False) -> None:
        (self.told if patient else self.sent).append(data)


def test_a_listener_hears_its_subject_and_no_other() -> None:
    notify, heard = Notify(), []
    notify.listen(Topic.ACCOUNT, 7, lambda: heard.append(7))
    notify.committed({(Topic.ACCOUNT, 8), (Topic.QUEUE, 7)})
    assert heard == []
    notify.committed({(Topic.ACCOUNT, 7)})
    assert heard == [7]


def test_all_listeners_of_a_subject_hear_it_until_they_stop() -> None:
    notify, heard = Notify(), []
    stops = [notify.listen(Topic.QUEUE, 0, lambda n=n: heard.append(n)) for n in range(3)]  # type: ignore[misc]
    notify.committed({(Topic.QUEUE, 0)})
    stops[1]()
    stops[1]()  # twice is once
    notify.committed({(Topic.QUEUE, 0)})
    assert heard == [0, 1, 2, 0, 2]


def test_a_listener_may_stop_itself_while_it_hears() -> None:
    notify, heard = Notify(), []

    def once() -> None:
        heard.append(1)
        stop()

    stop = notify.listen(Topic.QUEUE, 0, once)
    notify.listen(Topic.QUEUE, 0, lambda: heard.append(2))
    notify.committed({(Topic.QUEUE, 0)})
    notify.committed({(Topic.QUEUE, 0)})
    assert heard == [1, 2, 2]


async def test_what_one_worker_commits_another_hears_and_does_not_send_on() -> None:
    here, there, tape, echo, heard = Notify(), Notify(), Tape(), Tape(), []
    here.join(tape)
    there.join(echo)
    there.listen(Topic.ACCOUNT, 7, lambda: heard.append(7))
    here.committed({(Topic.ACCOUNT, 7)})
    for data in tape.sent:
        there.received(data)
    assert heard == [7]
    assert echo.sent == []


def test_ten_thousand_announcements_fit_into_datagrams() -> None:
    many: set[Announcement] = {(Topic.DIRECTORY, 2**62 + n) for n in range(10_000)}
    datagrams = encode(many)
    assert all(len(data) <= DATAGRAM_MAX for data in datagrams)
    heard: list[int] = []
    notify = Notify()
    for _, subject in many:
        notify.listen(Topic.DIRECTORY, subject, lambda: heard.append(1))
    for data in datagrams:
        notify.received(data)
    assert len(heard) == len(many)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff" * 100,
        msgspec.msgpack.encode([("no-such-topic", 1)]),
        msgspec.msgpack.encode([("queue", "zero")]),
        msgspec.msgpack.encode({"queue": 0}),
        msgspec.msgpack.encode([("queue", 0, 0)]),
        encode({(Topic.QUEUE, n) for n in range(100)})[0][:-1],  # cut off
        b"\x91" * 60_000,  # nested deeper than any stack
    ],
)
def test_garbage_is_nobody_s_news(garbage: bytes) -> None:
    notify, heard = Notify(), []
    notify.listen(Topic.QUEUE, 0, lambda: heard.append(1))
    notify.received(garbage)
    assert heard == []


@given(st.binary(max_size=200))
@example(b"\x81\xa2\x00\x80")
def test_any_datagram_is_harmless(data: bytes) -> None:
    Notify().received(data)


@given(st.sets(st.tuples(st.sampled_from(Topic), st.integers(0, 2**63 - 1)), max_size=20))
def test_what_is_encoded_is_heard_whole(announcements: set[Announcement]) -> None:
    notify = Notify()
    heard: set[Announcement] = set()
    for one in announcements:
        notify.listen(*one, lambda one=one: heard.add(one))  # type: ignore[misc]
    for data in encode(announcements):
        notify.received(data)
    assert heard == announcements


async def test_what_a_busy_worker_commits_goes_in_few_datagrams_and_none_is_lost() -> None:
    here, there, tape = Notify(), Notify(), Tape()
    heard: list[int] = []
    here.join(tape)
    for number in range(1, 21):
        there.listen(Topic.ACCOUNT, number, lambda n=number: heard.append(n))  # type: ignore[misc]
        here.committed({(Topic.ACCOUNT, number)})
    assert len(tape.sent) == 1  # the first went at once
    await asyncio.sleep(10 * PAUSE)
    assert len(tape.sent) == 2
    await asyncio.sleep(10 * PAUSE)
    here.committed({(Topic.ACCOUNT, 1)})
    assert len(tape.sent) == 3  # after a pause the next goes at once again
    for data in tape.sent:
        there.received(data)
    assert sorted(heard) == [1, *range(1, 21)]


async def test_who_may_do_what_is_told_at_once_even_by_a_busy_worker() -> None:
    notify, tape = Notify(), Tape()
    notify.join(tape)
    for number in range(3):
        notify.committed({(Topic.ACCOUNT, number)})
    for topic in set(Topic) - {Topic.ACCOUNT, Topic.QUEUE}:
        notify.committed({(Topic.ACCOUNT, 3), (topic, 0)})
        assert (topic, 0) in decode(tape.sent[-1])
    told = [one for data in tape.sent for one in decode(data)]
    assert {(Topic.ACCOUNT, number) for number in range(4)} < set(told)


async def test_mail_to_send_is_told_a_little_later_and_only_once() -> None:
    """Whoever takes it over sends it; others would be woken for nothing."""
    notify, tape = Notify(), Tape()
    notify.join(tape)
    for _ in range(100):
        notify.committed({(Topic.QUEUE, 0)})
    assert tape.sent == []
    await asyncio.sleep(2 * QUEUE_PAUSE)
    assert tape.sent == encode({(Topic.QUEUE, 0)})


async def test_what_cannot_wait_takes_mail_to_send_along() -> None:
    notify, tape = Notify(), Tape()
    notify.join(tape)
    notify.committed({(Topic.QUEUE, 0)})
    notify.committed({(Topic.ACCOUNT, 7)})
    assert [decode(data) for data in tape.sent] == [{(Topic.QUEUE, 0), (Topic.ACCOUNT, 7)}]
    await asyncio.sleep(2 * QUEUE_PAUSE)
    assert len(tape.sent) == 1


async def test_who_has_time_is_told_of_accounts_together_and_of_nothing_else() -> None:
    notify, tape = Notify(), Tape()
    notify.join(tape, patient=True)
    for number in range(1, 21):
        notify.committed({(Topic.ACCOUNT, number), (Topic.QUEUE, 0)})
        await asyncio.sleep(0)
    assert tape.told == []
    await asyncio.sleep(2 * PATIENCE)
    assert len(tape.told) == 1
    assert decode(tape.told[0]) == {(Topic.ACCOUNT, number) for number in range(1, 21)}
    notify.committed({(Topic.QUEUE, 0)})
    await asyncio.sleep(2 * PATIENCE)
    assert len(tape.told) == 1
    notify.committed({(Topic.ACCOUNT, 7)})
    await asyncio.sleep(2 * PATIENCE)
    assert decode(tape.told[1]) == {(Topic.ACCOUNT, 7)}
