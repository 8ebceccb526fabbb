"""What is done with a message for what was found about it: the rules, apart from the finding.

A domain's wish for mail that fails DMARC is followed, except where the failure has an honest
explanation (RFC 9989 5.4): a forwarder or mailing list that is known here, or one that itself
proves who it is. Refusing what an unknown mailing list passes on would make the list remove
our user, so that is set aside as junk instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.base.settings import setting
from merpati.model.verdict import Action, Findings, Override
from merpati.wire import authentication_results
from merpati.wire.arc import ArcVerdict
from merpati.wire.authentication_results import AuthenticationResults
from merpati.wire.dkim.verifier import DkimVerdict
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from merpati.wire.dmarc.record import Policy
from merpati.wire.smtp.paths import Path, parse_domain
from merpati.wire.spf.verdict import SpfVerdict
from merpati.wire.verdict_advice import Cause

REFUSE: Final = "refuse"
JUNK: Final = "junk"
MARK: Final = "mark"
DEFER: Final = "defer"
ACCEPT: Final = "accept"
AUTO: Final = "auto"
YES: Final = "yes"
NO: Final = "no"
_ACTIONS: Final = {
    REFUSE: Action.REFUSE,
    JUNK: Action.QUARANTINE,
    MARK: Action.ACCEPT,
    DEFER: Action.DEFER,
    ACCEPT: Action.ACCEPT,
}
_FAILING: Final = (REFUSE, JUNK, MARK)
MAX_CHAIN: Final = 10
"""Seals of one chain that are looked at, from the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """What is done with mail from outside whose sender cannot be proven.

    "refuse" tells the sender's server so, "junk" takes it into Junk, "mark" takes it and only
    notes the result in its Authentication-Results field.
    """

    dmarc_reject: str = setting(
        REFUSE, "Mail that fails DMARC when its domain asks to reject it.", choices=_FAILING
    )
    dmarc_quarantine: str = setting(
        JUNK, "Mail that fails DMARC when its domain asks to quarantine it.", choices=_FAILING
    )
    spf_fail: str = setting(
        MARK,
        "Mail of a domain without a DMARC policy from a server that its SPF forbids, unsigned.",
        choices=_FAILING,
    )
    unclear_author: str = setting(
        REFUSE,
        "Mail whose From field is missing, repeated, or read differently by different programs.",
        choices=_FAILING,
    )
    unchecked: str = setting(
        DEFER,
        "Mail that cannot be checked because the DNS does not answer.",
        choices=(DEFER, ACCEPT),
    )
    trusted_forwarders: tuple[str, ...] = setting(
        (),
        "Addresses and networks of servers that pass mail on to here, such as a backup MX:"
        " what they bring is never refused for its sender.",
        example=("192.0.2.0/24", "2001:db8::25"),
    )
    trusted_sealers: tuple[str, ...] = setting(
        (),
        "Domains whose ARC seals are believed about mail that they pass on.",
        example=("google.com", "lists.example.org"),
    )
    trusted_lists: tuple[str, ...] = setting(
        (),
        "Mailing lists (their List-Id, or the domain it ends in) whose mail is let through when"
        " the list itself is proven by SPF or DKIM.",
        example=("announce.lists.example.org", "lists.example.net"),
    )
    unknown_lists: str = setting(
        JUNK,
        "Mail that fails DMARC with reject and comes through another mailing list that is"
        ' proven by SPF or DKIM; "refuse" treats it like all other mail.',
        choices=(REFUSE, JUNK, MARK),
    )
    this_machine: str = setting(
        AUTO,
        'Whether mail is judged that a program on this machine brings to the MX port; "auto":'
        " if dns.nameservers names resolvers.",
        choices=(AUTO, YES, NO),
    )
    reverse: bool = setting(True, "Look up the name of the client's address, there and back.")
    seconds: float = setting(
        20.0, "Time for all questions to the DNS about one message.", unit="s", minimum=1.0
    )

    def __post_init__(self) -> None:
        for one in self.trusted_forwarders:
            try:
                ip_network(one, strict=False)
            except ValueError:
                raise ValueError(
                    f'trusted_forwarders holds "{one}", which is neither an address nor a network:'
                    ' write "192.0.2.1" or "192.0.2.0/24".'
                ) from None
        for name in ("trusted_sealers", "trusted_lists"):
            for one in getattr(self, name):
                if not _domain(one):
                    raise ValueError(f'{name} holds "{one}", which is not a domain.')


class Decision(msgspec.Struct, frozen=True):
    """What to do, why in words, and what decided."""

    action: Action
    reason: str
    cause: Cause | None = None
    override: Override | None = None


def decide(
    settings: JudgeSettings, found: Findings, peer: str, list_ids: Iterable[str]
) -> Decision:
    """What is done with a message.

    Args:
        settings: The rules.
        found: What the checks found.
        peer: The client's address.
        list_ids: The List-Ids of the message, without brackets.
    """
    if found.author.doubt is not None:
        action = _ACTIONS[settings.unclear_author]
        if action is Action.REFUSE and _in_networks(peer, settings.trusted_forwarders):
            action = Action.QUARANTINE  # it would have to return what it took for us
        return Decision(action, found.author.reason, Cause.AUTHOR)
    dmarc = found.dmarc
    if dmarc is None or dmarc.verdict in {DmarcVerdict.NONE, DmarcVerdict.PERMERROR}:
        return _by_spf(settings, found, peer)
    if dmarc.verdict is DmarcVerdict.PASS:
        return Decision(Action.ACCEPT, f"DMARC passes: {dmarc.reason}")
    if dmarc.verdict is DmarcVerdict.TEMPERROR:
        return _unchecked(settings, found, dmarc, peer)
    return _failed(settings, found, dmarc, peer, list_ids)


def _failed(
    settings: JudgeSettings, found: Findings, dmarc: DmarcResult, peer: str,
    list_ids: Iterable[str],
) -> Decision:  # fmt: skip
    """DMARC fails: as the domain wishes, unless there is an honest explanation."""
    why = f"DMARC fails: {dmarc.reason}"
    tested = Override.POLICY_TEST_MODE if dmarc.policy is not dmarc.published else None
    if dmarc.policy is Policy.NONE:
        reason = f"{why}; {dmarc.found_at} does not ask to do anything about it"
        return Decision(Action.ACCEPT, reason, override=tested)
    if (forwarder := _forwarder(settings, found, peer)) is not None:
        reason = f"{why}; but {forwarder}"
        return Decision(Action.ACCEPT, reason, override=Override.TRUSTED_FORWARDER)
    name, trusted = _mailing_list(settings, found, list_ids)
    if name and trusted:
        reason = f"{why}; but it comes through the trusted mailing list {name}"
        return Decision(Action.ACCEPT, reason, override=Override.MAILING_LIST)
    wish = f"{dmarc.found_at} asks to {dmarc.policy.value} such mail"
    if dmarc.policy is Policy.REJECT:
        chosen, cause = settings.dmarc_reject, Cause.DMARC_REJECT
        if name and chosen == REFUSE != settings.unknown_lists:
            action = _ACTIONS[settings.unknown_lists]
            reason = f"{why}; {wish}, but it comes through the mailing list {name}"
            return Decision(action, reason, Cause.MAILING_LIST, Override.MAILING_LIST)
    else:
        chosen, cause = settings.dmarc_quarantine, Cause.DMARC_QUARANTINE
    followed = {Policy.REJECT: REFUSE, Policy.QUARANTINE: JUNK}[dmarc.policy]
    override = tested if chosen == followed else Override.LOCAL_POLICY
    return Decision(_ACTIONS[chosen], f"{why}; {wish}", cause, override)


def _unchecked(settings: JudgeSettings, found: Findings, dmarc: DmarcResult, peer: str) -> Decision:
    """DMARC has no result; some messages need none."""
    if dmarc.spf_aligned or dmarc.dkim_aligned:
        reason = f"{dmarc.reason}; but SPF or DKIM vouches for {dmarc.domain} itself"
        return Decision(Action.ACCEPT, reason)
    if dmarc.record is not None and _asks_for_nothing(dmarc):
        reason = f"{dmarc.reason}; but {dmarc.found_at} does not ask to do anything about it"
        return Decision(Action.ACCEPT, reason)
    if (forwarder := _forwarder(settings, found, peer)) is not None:
        return Decision(Action.ACCEPT, f"{dmarc.reason}; but {forwarder}")
    return Decision(_ACTIONS[settings.unchecked], dmarc.reason, Cause.UNCHECKED)


def _asks_for_nothing(dmarc: DmarcResult) -> bool:
    record = dmarc.record
    assert record is not None
    if dmarc.found_at == dmarc.domain:
        return record.p is Policy.NONE
    wishes = {record.for_subdomains(exists=True), record.for_subdomains(exists=False)}
    return wishes == {Policy.NONE}


def _by_spf(settings: JudgeSettings, found: Findings, peer: str) -> Decision:
    """The domain has no DMARC policy: SPF alone counts, where the rules say so."""
    reason = found.dmarc.reason if found.dmarc is not None else "there is nothing to check"
    signed = any(one.verdict is DkimVerdict.PASS for one in found.dkim)
    if found.spf.verdict is not SpfVerdict.FAIL or signed:
        return Decision(Action.ACCEPT, reason)
    reason = f"SPF fails: {found.spf.reason}"
    if (forwarder := _forwarder(settings, found, peer)) is not None:
        return Decision(Action.ACCEPT, f"{reason}; but {forwarder}")
    action = _ACTIONS[settings.spf_fail]
    return Decision(action, reason, None if action is Action.ACCEPT else Cause.SPF)


# Honest explanations


def _forwarder(settings: JudgeSettings, found: Findings, peer: str) -> str | None:
    """Who is trusted here and stands for the message, in words."""
    if settings.trusted_forwarders and _in_networks(peer, settings.trusted_forwarders):
        return f"{peer} is a trusted forwarder"
    sealer = _sealer(settings.trusted_sealers, found)
    return (
        f"the ARC seal of {sealer}, which is trusted, says that it was genuine" if sealer else None
    )


def _sealer(trusted: tuple[str, ...], found: Findings) -> str:
    """The trusted host that found the message genuine, when all hosts after it are trusted.

    An untrusted one in between may have changed what it likes.
    """
    if not trusted or found.arc is None or found.arc.verdict is not ArcVerdict.PASS:
        return ""
    sealed = list(zip(found.arc.sealers, found.arc.results, strict=False))
    for sealer, value in sealed[: -MAX_CHAIN - 1 : -1]:
        if not _below(sealer, trusted):
            return ""
        try:
            results = authentication_results.parse(value)
        except SyntaxFault:
            return ""
        if _genuine(results, found.author.domain):
            return sealer
    return ""


def _genuine(results: AuthenticationResults, domain: str) -> bool:
    """Whether a host found the author's domain authenticated."""
    telling = {
        "dmarc": ("header.from",),
        "dkim": ("header.d", "header.i"),
        "spf": ("smtp.mailfrom", "smtp.mail"),
    }
    return any(
        one.result == "pass"
        and any(
            f"{part.type}.{part.name}" in telling.get(one.method, ())
            and _domain(part.value.rpartition("@")[2]) == domain
            for part in one.properties
        )
        for one in results.results
    )


def _mailing_list(
    settings: JudgeSettings, found: Findings, list_ids: Iterable[str]
) -> tuple[str, bool]:
    """The mailing list that brought the message and is proven, and whether it is trusted."""
    proven = {_domain(one.domain) for one in found.dkim if one.verdict is DkimVerdict.PASS}
    if found.spf.verdict is SpfVerdict.PASS:
        proven.add(_domain(found.spf.domain))
    proven -= {"", found.author.domain}
    for written in list_ids:
        name = _domain(written)
        if name and _below(name, proven):
            return name, _below(name, settings.trusted_lists)
    return "", False


def _below(domain: str, others: Iterable[str]) -> bool:
    """True for one of the domains, and for a name below one."""
    name = f".{_domain(domain)}"
    return any("." in other and name.endswith(f".{_domain(other)}") for other in others)


def _domain(text: str) -> str:
    try:
        return Path("", parse_domain(text)).ascii_domain()
    except SyntaxFault:
        return ""


def _in_networks(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=8)  # one set of settings, and the one before a reload
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one, strict=False) for one in texts)
