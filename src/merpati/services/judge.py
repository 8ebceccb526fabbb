"""Judging mail from outside: SPF, DKIM, ARC, the client's name and DMARC, in the session.

The checks wait for the DNS side by side; DMARC's own records are asked for meanwhile, so that
its evaluation finds them in the resolver's memory. What to do is decided by `judge_policy`
alone. The result goes to the peer, into an Authentication-Results field (RFC 8601) above the
message, and into its trace.
"""

from __future__ import annotations

import asyncio
import mmap
import re
from collections.abc import Callable
from typing import Any, Final

from merpati.base.clock import Clock
from merpati.base.faults import SyntaxFault
from merpati.base.metrics import Metrics
from merpati.base.networks import LOOPBACK, Networks
from merpati.model.arrival import Origin
from merpati.model.verdict import Action, Findings, Judgement
from merpati.net.asking import answer, answer_all
from merpati.net.dns import Resolver
from merpati.services.judge_policy import Decision, JudgeSettings, decide
from merpati.wire import authentication_results as ar
from merpati.wire.arc import validate
from merpati.wire.asking import Asking
from merpati.wire.authentication_results import AuthenticationResults, MethodResult, Property
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.verifier import DkimResult, DkimVerdict, verify
from merpati.wire.dmarc.discovery import DnsFailure, Records
from merpati.wire.dmarc.evaluation import DmarcVerdict, evaluate
from merpati.wire.iprev import iprev
from merpati.wire.mime import comments
from merpati.wire.mime.author import Author, author
from merpati.wire.mime.headers import unfold
from merpati.wire.smtp.paths import Path
from merpati.wire.smtp.replies import Reply
from merpati.wire.spf.check import check_sender
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from merpati.wire.verdict_advice import Cause

LARGE: Final = 512 * 1024  # bytes; hashing more would hold up the event loop
REVERSE_SECONDS: Final = 5.0  # for the client's name, on which nothing depends
LIST_IDS: Final = 3  # of one message; it should have one (RFC 2919 2)
MAX_REASON: Final = 400  # characters of a reason that a reply repeats
LEAST_SECONDS: Final = 0.1  # for DMARC, whose questions have been answered by then

_LIST_ID: Final = re.compile(rb"<([^<>\s]{1,255}+)>\Z")

# Why it was refused or put off, as a status code (RFC 7372 3.2, RFC 3463).
_STATUS: Final = {
    Cause.AUTHOR: "7.1",
    Cause.DMARC_REJECT: "7.26",
    Cause.DMARC_QUARANTINE: "7.26",
    Cause.MAILING_LIST: "7.26",
    Cause.SPF: "7.23",
    Cause.UNCHECKED: "4.3",
}


_THIS_MACHINE: Final = Networks(LOOPBACK)


class Judge:
    """Judges messages for the servers of one worker."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        hostname: str,
        settings: JudgeSettings,
        metrics: Metrics,
        count: Callable[[Judgement, str], None] | None = None,
        *,
        this_machine: bool = True,
    ) -> None:
        """`count` hears of every judgement, with the client's address: for the reports.

        `this_machine` says whether mail that comes from here is judged as well.
        """
        self._this_machine = this_machine
        self._count = count
        self._resolver = resolver
        self._clock = clock
        self._hostname = hostname
        self.settings = settings
        self._judged = metrics.counter(
            "merpati_messages_judged_total", "Messages from outside judged.", ("action", "dmarc")
        )

    def minds(self, origin: Origin) -> bool:
        """Whether mail that comes in so is judged at all: from outside, by somebody unknown."""
        peer = origin.peer
        if origin.account_id or origin.trusted or not peer or peer == "unix":
            return False
        return self._this_machine or peer not in _THIS_MACHINE

    async def judge(self, sender: Path, origin: Origin, content: bytes | mmap.mmap) -> Judgement:
        """What to do with a message from outside; takes at most the time of its settings.

        Args:
            sender: MAIL FROM.
            origin: How it comes in.
            content: As it came, with CRLF line ends, without fields of ours above it.
        """
        message = Content(content)
        found = await self._find(sender, origin, content, message)
        decision = decide(self.settings, found, origin.peer, _list_ids(message))
        results = _results(self._hostname, sender, origin, found, decision)
        dmarc = found.dmarc.verdict.value if found.dmarc is not None else "none"
        self._judged.inc(decision.action.value, dmarc)
        judged = Judgement(
            action=decision.action,
            reasons=(decision.reason, *_reasons(found)),
            cause=decision.cause,
            reply=_reply(decision),
            header=ar.render(results),
            results=results,
            drop=ar.forged(content, (self._hostname,)),
            findings=found,
            override=decision.override,
            detail=_detail(found, decision),
        )
        if self._count is not None:
            self._count(judged, origin.peer)
        return judged

    async def _find(
        self, sender: Path, origin: Origin, content: bytes | mmap.mmap, message: Content
    ) -> Findings:
        whose = author(content)
        nothing = Findings(author=whose, spf=_unchecked_spf(sender, origin))
        if whose.doubt is not None and (
            decide(self.settings, nothing, origin.peer, ()).action is Action.REFUSE
        ):
            return nothing  # whatever the DNS may say
        if len(content) > LARGE:
            await asyncio.to_thread(message.hash_ahead)
        ends = asyncio.get_running_loop().time() + self.settings.seconds
        rules = self._rules(sender, origin, message, whose)
        found = await answer_all(self._resolver, *rules.values())
        results = dict(zip(rules, found, strict=True))
        spf, dkim = results["spf"], results.get("dkim", ())
        dmarc = None
        if _has_domain(whose):
            left = max(LEAST_SECONDS, ends - asyncio.get_running_loop().time())
            dmarc = await answer(evaluate(whose.domain, spf, dkim), self._resolver, seconds=left)
        return Findings(
            author=whose, spf=spf, dkim=dkim, dmarc=dmarc, arc=results.get("arc"),
            iprev=results.get("iprev"),
        )  # fmt: skip

    def _rules(
        self, sender: Path, origin: Origin, message: Content, whose: Author
    ) -> dict[str, tuple[Asking[Any], float]]:
        """What is asked of the DNS at the same time, by method, each with its seconds."""
        now, seconds = int(self._clock.now()), self.settings.seconds
        rules: dict[str, tuple[Asking[Any], float]] = {
            "spf": (_spf(sender, origin, self._hostname, now), seconds)
        }
        if message.named(b"dkim-signature"):
            rules["dkim"] = (verify(message, now), seconds)
        if message.named(b"arc-seal"):
            rules["arc"] = (validate(message, now), seconds)
        if self.settings.reverse:
            rules["iprev"] = (iprev(origin.peer), min(REVERSE_SECONDS, seconds))
        if _has_domain(whose):
            rules["policies"] = (_policies(whose.domain), seconds)
        return rules


def _has_domain(whose: Author) -> bool:
    """Whether there is a domain that may have a policy."""
    return bool(whose.domain) and not whose.domain.startswith("[")


def _spf(sender: Path, origin: Origin, receiver: str, now: int) -> Asking[SpfResult]:
    address = "" if sender.is_null else str(sender)
    try:
        return (
            yield from check_sender(origin.peer, address, origin.helo, receiver=receiver, now=now)
        )
    except SyntaxFault:  # a client without an IP address
        return _unchecked_spf(sender, origin)


def _policies(domain: str) -> Asking[None]:
    """Lets the resolver learn the author's policy while the other checks wait."""
    try:
        yield from Records().discover(domain)
    except DnsFailure:
        return  # the evaluation will find out the same


def _unchecked_spf(sender: Path, origin: Origin) -> SpfResult:
    domain = sender.domain or origin.helo
    return SpfResult(SpfVerdict.NONE, domain, "it was not checked")


def _list_ids(message: Content) -> list[str]:
    """The names of the lists that the message says it came through (RFC 2919 3)."""
    found = []
    for field in message.named(b"list-id")[:LIST_IDS]:
        match = _LIST_ID.search(comments.mask(unfold(field.raw_value)))
        if match is not None:
            found.append(match[1].decode("latin-1"))
    return found


# What is told


def _reply(decision: Decision) -> Reply | None:
    """To the peer, when the message is not taken; it names DMARC (RFC 9989 7.2)."""
    if decision.action not in {Action.REFUSE, Action.DEFER} or decision.cause is None:
        return None
    status = _STATUS[decision.cause]
    text = decision.reason[:MAX_REASON]
    if decision.action is Action.DEFER:
        return Reply(451, f"4.{status}", (f"Not now: {text}. Please try again later.",))
    return Reply(550, f"5.{status}", (f"Refused: {text}.",))


def _reasons(found: Findings) -> list[str]:
    """What each check found, in words."""
    reasons = [f"SPF {found.spf.verdict.value}: {found.spf.reason}"]
    reasons += [
        f"DKIM {one.verdict.value} for {one.domain or '?'}" + (f": {one.reason}" * bool(one.reason))
        for one in found.dkim
    ] or ["DKIM none: the message is not signed"]
    if found.dmarc is not None:
        reasons.append(f"DMARC {found.dmarc.verdict.value}: {found.dmarc.reason}")
    if found.arc is not None:
        chain = ", ".join(found.arc.sealers)
        reasons.append(f"ARC {found.arc.verdict.value}: {found.arc.reason or f'sealed by {chain}'}")
    if found.iprev is not None:
        reasons.append(f"name {found.iprev.verdict.value}: {found.iprev.reason}")
    return reasons


def _detail(found: Findings, decision: Decision) -> dict[str, Any]:
    """For the trace: short words, and what decided."""
    passed = [one.domain for one in found.dkim if one.verdict is DkimVerdict.PASS]
    detail: dict[str, Any] = {
        "from": found.author.domain,
        "spf": found.spf.verdict.value,
        "dkim": ", ".join(passed) or ("fail" if found.dkim else "none"),
        "dmarc": found.dmarc.verdict.value if found.dmarc is not None else "",
        "arc": found.arc.verdict.value if found.arc is not None else "",
        "name": found.iprev.name if found.iprev is not None else "",
        "verdict": decision.action.value,
        "why": decision.reason,
    }
    return {key: value for key, value in detail.items() if value}


def _results(
    hostname: str, sender: Path, origin: Origin, found: Findings, decision: Decision
) -> AuthenticationResults:
    """What Authentication-Results says; reasons where a check did not pass."""
    helo = Property("smtp", "helo", origin.helo)
    mail = helo if sender.is_null else Property("smtp", "mailfrom", str(sender))
    spf = found.spf.verdict
    results = [
        MethodResult("spf", spf.value, "" if spf is SpfVerdict.PASS else found.spf.reason, (mail,))
    ]
    results += [_dkim_result(one) for one in found.dkim] or [MethodResult("dkim", "none")]
    results.append(_dmarc_result(found, decision))
    if found.arc is not None:
        chain = (
            (Property("arc", "chain", ":".join(found.arc.sealers)),) if found.arc.sealers else ()
        )
        comment = f"i={found.arc.instance}"
        verdict = found.arc.verdict.value
        results.append(MethodResult("arc", verdict, found.arc.reason, chain, comment))
    if found.iprev is not None:
        place = Property("policy", "iprev", origin.peer)
        comment = found.iprev.name
        results.append(MethodResult("iprev", found.iprev.verdict.value, "", (place,), comment))
    return AuthenticationResults(hostname, tuple(results))


def _dkim_result(one: DkimResult) -> MethodResult:
    told = (("d", one.domain), ("s", one.selector), ("a", one.algorithm), ("b", one.signature))
    properties = tuple(Property("header", name, value) for name, value in told if value)
    reason = "" if one.verdict is DkimVerdict.PASS else one.reason
    comment = f"{one.bits} bits" if one.bits else ""
    return MethodResult("dkim", one.verdict.value, reason, properties, comment)


def _dmarc_result(found: Findings, decision: Decision) -> MethodResult:
    if found.author.doubt is not None:
        return MethodResult("dmarc", "permerror", found.author.reason)
    author_domain = (Property("header", "from", found.author.domain),)
    dmarc = found.dmarc
    if dmarc is None:
        return MethodResult("dmarc", "none", "", author_domain)
    comment = f"p={dmarc.record.p.value}" if dmarc.record is not None else ""
    reason = ""
    if dmarc.verdict is not DmarcVerdict.PASS:
        reason = dmarc.reason
        if decision.override is not None:
            comment = f"{comment} override={decision.override.value}".strip()
    return MethodResult("dmarc", dmarc.verdict.value, reason, author_domain, comment)
