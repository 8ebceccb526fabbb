from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from merpati.base.faults import Fault
from merpati.base.metrics import Metrics
from merpati.base.settings import load
from merpati.model.arrival import Origin
from merpati.model.verdict import Action, Judgement, Override
from merpati.net.dns import Resolver
from merpati.services.judge import Judge
from merpati.services.judge_policy import JudgeSettings
from merpati.wire import arc, authentication_results, dkim
from merpati.wire.arc import ArcResult, ArcVerdict
from merpati.wire.dkim import keys
from merpati.wire.dmarc.evaluation import DmarcVerdict
from merpati.wire.mime.author import Doubt
from merpati.wire.smtp.paths import NULL, Path
from merpati.wire.verdict_advice import Cause
from tests.support import signing
from tests.support.clock import FakeClock
from tests.support.dns import PATIENT, DnsServer, Trouble
from tests.support.signing import LETTER, NOW

US = "mx.here.test"
GOOD = "192.0.2.7"  # the host of example.org, and of the list
BAD = "198.51.100.66"
ANI = Path("ani", "example.org")


class Court:
    """A judge, and the DNS it asks."""

    def __init__(self, dns: DnsServer) -> None:
        self.dns = dns
        self.clock = FakeClock(NOW)
        self.resolver = Resolver([dns.nameserver], self.clock, timeout=PATIENT, attempts=1)

    async def judge(
        self,
        content: bytes = LETTER,
        peer: str = GOOD,
        sender: Path = ANI,
        helo: str = "mail.example.org",
        **settings: object,
    ) -> Judgement:
        judge = Judge(self.resolver, self.clock, US, load(JudgeSettings, settings), Metrics())
        return await judge.judge(sender, Origin(peer, helo, "ESMTPS"), content)

    def publish(self, name: str, *texts: str) -> None:
        self.resolver.forget()
        self.dns.set(f"{name}.", "TXT", *(keys.quote(text) for text in texts))


@pytest.fixture
async def court() -> AsyncIterator[Court]:
    async with DnsServer() as dns:
        found = Court(dns)
        found.publish("example.org", "v=spf1 ip4:192.0.2.7 -all")
        found.publish("_dmarc.example.org", "v=DMARC1; p=reject; rua=mailto:r@example.org")
        for kind in ("rsa", "ed25519"):
            key = signing.key(kind)
            found.publish(key.name, keys.record(key))
        dns.set("7.2.0.192.in-addr.arpa.", "PTR", "mail.example.org.")
        dns.set("mail.example.org.", "A", GOOD)
        yield found
        await found.resolver.close()


def results(judged: Judgement) -> dict[str, str]:
    found = authentication_results.parse(judged.header.partition(b":")[2].strip())
    assert found.authserv_id == US
    return {one.method: one.result for one in found.results}


async def test_mail_that_is_what_it_says_is_taken(court: Court) -> None:
    judged = await court.judge(signing.sign())
    assert (judged.action, judged.cause, judged.reply) == (Action.ACCEPT, None, None)
    assert results(judged) == {"spf": "pass", "dkim": "pass", "dmarc": "pass", "iprev": "pass"}
    assert (
        judged.reasons[0]
        == "DMARC passes: SPF vouches for example.org and DKIM vouches for example.org"
    )
    assert judged.detail["dkim"] == "example.org"
    assert judged.detail["name"] == "mail.example.org"
    assert judged.drop == ()


async def test_the_field_says_on_what_each_result_rests(court: Court) -> None:
    judged = await court.judge(signing.sign(LETTER, "ed25519"))
    assert judged.header.startswith(
        b"Authentication-Results: mx.here.test;\r\n\tspf=pass smtp.mailfrom=ani@example.org;\r\n"
        b"\tdkim=pass (256 bits) header.d=example.org header.s=ed255191\r\n"
    )
    assert b"\tdmarc=pass (p=reject) header.from=example.org;\r\n" in judged.header
    assert judged.header.endswith(b"\tiprev=pass (mail.example.org) policy.iprev=192.0.2.7\r\n")


async def test_mail_that_nothing_vouches_for_is_refused_where_its_domain_asks(court: Court) -> None:
    judged = await court.judge(peer=BAD)
    assert (judged.action, judged.cause) == (Action.REFUSE, Cause.DMARC_REJECT)
    assert judged.override is None
    assert judged.reply is not None
    assert str(judged.reply).startswith("550 5.7.26 Refused: DMARC fails: nothing vouches for")
    assert "example.org asks to reject such mail" in judged.reply.text


async def test_a_changed_message_is_refused_although_it_was_signed(court: Court) -> None:
    judged = await court.judge(signing.sign().replace(b"Selamat", b"Kirim uang"), peer=BAD)
    assert judged.action is Action.REFUSE
    assert results(judged)["dkim"] == "fail"


async def test_the_rules_say_what_becomes_of_it(court: Court) -> None:
    junk = await court.judge(peer=BAD, dmarc_reject="junk")
    assert (junk.action, junk.override) == (Action.QUARANTINE, Override.LOCAL_POLICY)
    mark = await court.judge(peer=BAD, dmarc_reject="mark")
    assert (mark.action, mark.override) == (Action.ACCEPT, Override.LOCAL_POLICY)
    assert results(mark)["dmarc"] == "fail"
    assert b"override=local_policy" in mark.header


async def test_quarantine_is_junk_and_none_is_nothing(court: Court) -> None:
    court.publish("_dmarc.example.org", "v=DMARC1; p=quarantine")
    judged = await court.judge(peer=BAD)
    assert (judged.action, judged.cause) == (Action.QUARANTINE, Cause.DMARC_QUARANTINE)
    assert judged.override is None
    court.publish("_dmarc.example.org", "v=DMARC1; p=none")
    judged = await court.judge(peer=BAD)
    assert (judged.action, judged.cause) == (Action.ACCEPT, None)
    assert results(judged)["dmarc"] == "fail"


async def test_a_policy_under_test_is_followed_one_level_below(court: Court) -> None:
    court.publish("_dmarc.example.org", "v=DMARC1; p=reject; t=y")
    judged = await court.judge(peer=BAD)
    assert (judged.action, judged.override) == (Action.QUARANTINE, Override.POLICY_TEST_MODE)


async def test_while_the_dns_is_silent_mail_is_put_off(court: Court) -> None:
    court.dns.trouble("_dmarc.example.org.", Trouble.SERVFAIL)
    court.resolver.forget()
    judged = await court.judge(peer=BAD)
    assert (judged.action, judged.cause) == (Action.DEFER, Cause.UNCHECKED)
    assert judged.reply is not None
    assert str(judged.reply).startswith("451 4.4.3 Not now: the DMARC record of example.org could")
    taken = await court.judge(peer=BAD, unchecked="accept")
    assert taken.action is Action.ACCEPT
    assert results(taken)["dmarc"] == "temperror"
    assert (await court.judge(peer=GOOD)).action is Action.ACCEPT  # whatever the policy is


async def test_a_dns_that_never_answers_takes_no_longer_than_allowed(court: Court) -> None:
    for name in ("example.org.", "_dmarc.example.org.", "mail.example.org."):
        court.dns.trouble(name, Trouble.SILENCE)
    slow = Resolver([court.dns.nameserver], court.clock, timeout=5, attempts=4)
    judge = Judge(slow, court.clock, US, JudgeSettings(seconds=1.0), Metrics())
    begun = time.monotonic()
    judged = await judge.judge(ANI, Origin(GOOD, "x", "ESMTP"), LETTER)
    assert time.monotonic() - begun < 15  # the resolver by itself: twenty
    assert judged.action is Action.DEFER
    await slow.close()


async def test_the_checks_wait_for_the_dns_side_by_side(court: Court) -> None:
    court.dns.delay = 0.2
    judged = await court.judge(signing.sign())
    assert judged.action is Action.ACCEPT
    assert court.dns.most_at_once == 4  # SPF, DKIM, DMARC and the name; one after the other: one


async def test_a_message_without_a_clear_author_is_refused_without_a_question(
    court: Court,
) -> None:
    judged = await court.judge(b"From: <a@evil.example>\r\n" + LETTER)
    assert (judged.action, judged.cause) == (Action.REFUSE, Cause.AUTHOR)
    assert judged.findings.author.doubt is Doubt.REPEATED
    assert str(judged.reply) == "550 5.7.1 Refused: the message has more than one From field."
    assert court.dns.questions == []
    junk = await court.judge(b"From: <a@evil.example>\r\n" + LETTER, unclear_author="junk")
    assert junk.action is Action.QUARANTINE
    assert results(junk)["dmarc"] == "permerror"


async def test_a_domain_without_a_policy_is_marked_or_goes_by_spf(court: Court) -> None:
    court.dns.remove("_dmarc.example.org.")
    court.resolver.forget()
    assert (await court.judge(peer=BAD)).action is Action.ACCEPT
    judged = await court.judge(peer=BAD, spf_fail="refuse")
    assert (judged.action, judged.cause) == (Action.REFUSE, Cause.SPF)
    assert str(judged.reply).startswith("550 5.7.23 Refused: SPF fails: ")
    signed = await court.judge(signing.sign(), peer=BAD, spf_fail="refuse")
    assert signed.action is Action.ACCEPT
    assert (await court.judge(peer=GOOD, spf_fail="refuse")).action is Action.ACCEPT


async def test_an_unsigned_bounce_goes_by_the_name_in_ehlo(court: Court) -> None:
    court.publish("mail.example.org", "v=spf1 a -all")
    judged = await court.judge(sender=NULL)
    assert judged.action is Action.ACCEPT
    assert b"spf=pass smtp.helo=mail.example.org" in judged.header


async def test_a_client_without_an_address_is_judged_by_signatures(court: Court) -> None:
    judged = await court.judge(signing.sign(), peer="unix")
    assert judged.action is Action.ACCEPT
    assert results(judged)["spf"] == "none"


async def test_what_a_trusted_forwarder_brings_is_not_refused(court: Court) -> None:
    trust = ["198.51.100.0/24"]
    judged = await court.judge(peer=BAD, trusted_forwarders=trust)
    assert (judged.action, judged.override) == (Action.ACCEPT, Override.TRUSTED_FORWARDER)
    mapped = await court.judge(peer=f"::ffff:{BAD}", trusted_forwarders=trust)
    assert mapped.action is Action.ACCEPT
    unclear = await court.judge(
        b"From: <a@evil.example>\r\n" + LETTER, peer=BAD, trusted_forwarders=trust
    )
    assert unclear.action is Action.QUARANTINE
    other = await court.judge(peer=BAD, trusted_forwarders=["203.0.113.0/24"])
    assert other.action is Action.REFUSE


def sealed(content: bytes, domain: str, results_value: bytes, chain: ArcResult) -> bytes:
    key = signing.key("rsa", domain, 7)
    return arc.seal(content, key, results_value, chain, NOW) + content


async def test_a_trusted_seal_saves_what_was_genuine_before(court: Court) -> None:
    key = signing.key("rsa", "relay.test", 7)
    court.publish(key.name, keys.record(key))
    nothing = ArcResult(ArcVerdict.NONE)
    genuine = b"mx.relay.test; dmarc=pass header.from=example.org"
    content = sealed(LETTER.replace(b"Laporan", b"[list] Laporan"), "relay.test", genuine, nothing)
    judged = await court.judge(content, peer=BAD, trusted_sealers=["relay.test"])
    assert (judged.action, judged.override) == (Action.ACCEPT, Override.TRUSTED_FORWARDER)
    assert results(judged)["arc"] == "pass"
    assert "the ARC seal of relay.test, which is trusted" in judged.reasons[0]
    assert (await court.judge(content, peer=BAD)).action is Action.REFUSE
    fake = content.replace(b"Selamat", b"Kirim uang")
    assert (await court.judge(fake, peer=BAD, trusted_sealers=["relay.test"])).action is (
        Action.REFUSE
    )
    forged = sealed(LETTER, "relay.test", b"mx.relay.test; dmarc=fail header.from=example.org",
                    nothing)  # fmt: skip
    assert (await court.judge(forged, peer=BAD, trusted_sealers=["relay.test"])).action is (
        Action.REFUSE
    )
    other = sealed(
        LETTER, "relay.test", b"mx.relay.test; dmarc=pass header.from=else.test", nothing
    )
    assert (await court.judge(other, peer=BAD, trusted_sealers=["relay.test"])).action is (
        Action.REFUSE
    )


async def test_an_untrusted_seal_above_a_trusted_one_spoils_it(court: Court) -> None:
    for domain in ("relay.test", "evil.test"):
        key = signing.key("rsa", domain, 7)
        court.publish(key.name, keys.record(key))
    genuine = b"mx.relay.test; dmarc=pass header.from=example.org"
    first = sealed(LETTER, "relay.test", genuine, ArcResult(ArcVerdict.NONE))
    chain = ArcResult(ArcVerdict.PASS, instance=1)
    second = sealed(first, "evil.test", b"mx.evil.test; arc=pass", chain)
    judged = await court.judge(second, peer=BAD, trusted_sealers=["relay.test"])
    assert results(judged)["arc"] == "pass"
    assert judged.action is Action.REFUSE
    both = await court.judge(second, peer=BAD, trusted_sealers=["relay.test", "evil.test"])
    assert both.action is Action.ACCEPT


LIST_LETTER = b"List-Id: Announcements <announce.lists.test>\r\n" + LETTER


async def test_what_an_unknown_list_passes_on_goes_to_junk_and_a_trusted_one_is_let_through(
    court: Court,
) -> None:
    court.publish("lists.test", "v=spf1 ip4:192.0.2.9 -all")
    bounces = Path("announce-bounces", "lists.test")

    async def judge(content: bytes = LIST_LETTER, **settings: Any) -> Judgement:
        return await court.judge(content, "192.0.2.9", bounces, **settings)

    unknown = await judge()
    assert (unknown.action, unknown.cause) == (Action.QUARANTINE, Cause.MAILING_LIST)
    assert unknown.override is Override.MAILING_LIST
    for trusted in ("lists.test", "announce.lists.test"):
        taken = await judge(trusted_lists=[trusted])
        assert (taken.action, taken.override) == (Action.ACCEPT, Override.MAILING_LIST)
    assert (await judge(unknown_lists="refuse")).action is Action.REFUSE
    assert (await judge(LETTER)).action is Action.REFUSE


async def test_nobody_is_a_list_by_saying_so(court: Court) -> None:
    court.publish("evil.test", "v=spf1 ip4:198.51.100.66 -all")
    judged = await court.judge(
        LIST_LETTER, BAD, Path("x", "evil.test"), trusted_lists=["lists.test"]
    )
    assert judged.action is Action.REFUSE
    unproven = await court.judge(
        LIST_LETTER, BAD, Path("x", "lists.test"), trusted_lists=["lists.test"]
    )
    assert unproven.action is Action.REFUSE


async def test_forged_results_are_named_to_be_dropped(court: Court) -> None:
    line = b"Authentication-Results: MX.here.test; dmarc=pass header.from=bank.test\r\n"
    judged = await court.judge(line + LETTER)
    assert judged.drop == ((0, len(line)),)


async def test_a_large_message_is_hashed_in_a_thread(court: Court) -> None:
    content = signing.sign(LETTER + b"x" * 78 + b"\r\n" + b"0123456789\r\n" * 60_000)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(tick())
    judged = await court.judge(content)
    task.cancel()
    assert results(judged)["dkim"] == "pass"
    assert ticks > 5


async def test_another_signers_good_signature_does_not_help(court: Court) -> None:
    key = signing.key("ed25519", "evil.test", 3)
    court.publish(key.name, keys.record(key))
    content = dkim.sign(LETTER, key, NOW) + LETTER
    judged = await court.judge(content, peer=BAD, sender=Path("x", "evil.test"))
    assert judged.findings.dmarc is not None
    assert judged.findings.dmarc.verdict is DmarcVerdict.FAIL
    assert judged.action is Action.REFUSE


async def test_every_verdict_has_its_reasons_in_words(court: Court) -> None:
    judged = await court.judge(signing.sign().replace(b"Selamat", b"x"), peer=BAD)
    assert len(judged.reasons) == 5
    assert judged.reasons[1].startswith("SPF fail: the SPF record of example.org ")
    assert judged.reasons[2].startswith("DKIM fail for example.org: ")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("trusted_forwarders", ["mail.example"]), ("trusted_lists", ["a b"]),
     ("trusted_sealers", ["@"]), ("dmarc_reject", "drop"), ("seconds", 0)],
)  # fmt: skip
def test_wrong_settings_are_refused(setting: str, value: object) -> None:
    with pytest.raises(Fault, match=setting):
        load(JudgeSettings, {setting: value})
