from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from merpati.net import asking
from merpati.net.dns import Resolver
from merpati.wire.asking import Answer, Asking, Question, RecordType
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.zone import Zone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ZONE = """
here.test         300  IN MX   20 backup.here.test.
here.test         300  IN MX   10 MX.here.test.
here.test         300  IN TXT  "v=spf1 " "-all"
here.test         300  IN A    192.0.2.1
here.test         300  IN AAAA 2001:db8::1
_25._tcp.mx.here.test 300 IN TLSA 3 1 0 00ff
old.test          60   IN CNAME Here.test.
1.2.0.192.in-addr.arpa 300 IN PTR MX.here.test.
null.test         300  IN MX   0 .
_imaps._tcp.here.test 300 IN SRV 0 1 993 Mail.here.test.
here.test         300  IN CAA  0 Issue "ca.test; x=1"
"""
SAME_ZONE = Zone(
    {
        "here.test": {
            "MX": ["10 mx.here.test", "20 backup.here.test"],
            "TXT": "v=spf1 -all",
            "A": "192.0.2.1",
            "AAAA": "2001:db8::1",
            "CAA": '0 issue "ca.test; x=1"',
        },
        "_25._tcp.mx.here.test": {"TLSA": "3 1 0 00ff"},
        "old.test": {"CNAME": "here.test."},
        "1.2.0.192.in-addr.arpa": {"PTR": "mx.here.test"},
        "null.test": {"MX": "0 ."},
        "_imaps._tcp.here.test": {"SRV": "0 1 993 mail.here.test"},
    }
)
QUESTIONS: list[tuple[str, RecordType]] = [
    ("here.test", "MX"),
    ("here.test", "TXT"),
    ("here.test", "A"),
    ("here.test", "AAAA"),
    ("here.test", "PTR"),
    ("_25._tcp.mx.here.test", "TLSA"),
    ("old.test", "CNAME"),
    ("old.test", "A"),
    ("1.2.0.192.in-addr.arpa", "PTR"),
    ("null.test", "MX"),
    ("_imaps._tcp.here.test", "SRV"),
    ("here.test", "CAA"),
    ("nowhere.test", "A"),
    ("2.0.192.in-addr.arpa", "A"),
]


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(server: DnsServer) -> AsyncIterator[Resolver]:
    resolver = Resolver([server.nameserver], FakeClock(), timeout=PATIENT, attempts=1)
    yield resolver
    await resolver.close()


def ask(*questions: tuple[str, RecordType]) -> Asking[list[Answer]]:
    answers = []
    for name, kind in questions:
        answers.append((yield Question(name, kind)))
    return answers


async def test_a_rule_that_asks_nothing_gives_its_result(resolver: Resolver) -> None:
    assert await asking.answer(ask(), resolver) == []


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
async def test_the_dns_and_the_zone_of_tests_answer_the_same(
    resolver: Resolver, question: tuple[str, RecordType]
) -> None:
    [answer] = await asking.answer(ask(question), resolver)
    [same] = SAME_ZONE.answer(ask(question))
    if question[1] == "MX":  # in any order
        assert sorted(answer.records) == sorted(same.records)
    else:
        assert answer == same


async def test_a_server_that_cannot_tell_is_a_failure_in_words(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("here.test", Trouble.SERVFAIL)
    failed, other = await asking.answer(ask(("here.test", "TXT"), ("null.test", "MX")), resolver)
    assert "here.test" in failed.failure
    assert other.records == ((0, ""),)


async def test_questions_beyond_the_limit_fail_and_are_not_asked(
    resolver: Resolver, server: DnsServer
) -> None:
    rule = ask(("here.test", "A"), ("here.test", "MX"), ("here.test", "TXT"))
    answers = await asking.answer(rule, resolver, questions=1)
    assert [bool(one.failure) for one in answers] == [False, True, True]
    assert len(server.questions) == 1


async def test_questions_after_the_time_is_up_fail(resolver: Resolver, server: DnsServer) -> None:
    def rule() -> Asking[list[Answer]]:
        found = [(yield Question("here.test", "A"))]
        server.delay = 5.0
        found.append((yield Question("here.test", "MX")))
        found.append((yield Question("here.test", "TXT")))
        return found

    answers = await asking.answer(rule(), resolver, seconds=0.5)
    assert [bool(one.failure) for one in answers] == [False, True, True]
    assert "too long" in answers[1].failure


async def test_a_validated_answer_is_secure(server: DnsServer) -> None:
    server.authentic = True
    resolver = Resolver([server.nameserver], FakeClock(), timeout=PATIENT, trust_ad=True)
    [answer] = await asking.answer(ask(("here.test", "A")), resolver)
    assert answer.secure
    await resolver.close()


async def test_a_rule_that_breaks_is_a_defect_of_its_caller_to_see(resolver: Resolver) -> None:
    def rule() -> Asking[None]:
        yield Question("here.test", "A")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asking.answer(rule(), resolver)


async def test_several_rules_wait_side_by_side_each_within_its_own_time(
    server: DnsServer,
) -> None:
    server.delay = 0.5
    resolver = Resolver([server.nameserver], FakeClock(), timeout=5, attempts=1)
    first, second = ask(("here.test", "A")), ask(("here.test", "MX"), ("here.test", "TXT"))
    late = ask(("null.test", "MX"), ("old.test", "A"))
    begun = asyncio.get_running_loop().time()
    answers = await asking.answer_all(resolver, (first, 5.0), (second, 5.0), (late, 0.01))
    assert asyncio.get_running_loop().time() - begun < 1.4  # one after the other: 1.5 at least
    assert [[bool(one.failure) for one in each] for each in answers] == [
        [False], [False, False], [True, True],
    ]  # fmt: skip
    await resolver.close()


async def test_what_the_resolver_remembers_is_answered_at_once(
    resolver: Resolver, server: DnsServer
) -> None:
    server.trouble("old.test", Trouble.SERVFAIL)
    rule: list[tuple[str, RecordType]] = [
        ("here.test", "A"), ("old.test", "A"), ("nowhere.test", "A"),
    ]  # fmt: skip
    before = await asking.answer(ask(*rule), resolver)
    asked = len(server.questions)
    server.delay = 60
    again, empty = await asking.answer_all(resolver, (ask(*rule), 1.0), (ask(), 1.0))
    assert again == before
    assert [bool(one.failure) for one in again] == [False, True, False]
    assert empty == []
    assert len(server.questions) == asked
