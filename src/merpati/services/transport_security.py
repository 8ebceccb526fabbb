"""How a host of another domain is to be spoken to: what must be verified, and why.

What the domain promises decides, in this order:

1. DANE (RFC 7672): the host has TLSA records, and DNSSEC leads to them from the domain on.
   Its certificate must fit them. Records that cannot be used still forbid clear text.
2. MTA-STS (RFC 8461): the domain has a policy. Enforced, the host must be named there and
   have a certificate of a public authority; while the policy is only tested, mail goes out
   as well as it can, and the domain hears of it in the daily report.
3. Otherwise TLS is used where it is offered, with any certificate (RFC 7435): that stops
   whoever only listens.

Mail that must not go to a host waits for the next try: what is wrong today may be an attack,
or a mistake that somebody is about to mend. The reason of each choice goes into the trace.
"""

from __future__ import annotations

import ssl
from typing import Final

from msgspec import Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.delivery import Outcome, Result
from merpati.net import dane
from merpati.net.dns import Resolver
from merpati.net.smtp_client import Refused, Session, Tls, TlsMode
from merpati.net.tls import client_context
from merpati.services.mta_sts import Policies
from merpati.services.tls_reports import Tally
from merpati.wire import mta_sts
from merpati.wire.mta_sts import Mode
from merpati.wire.smtp.paths import Path, parse_domain
from merpati.wire.tls_report import AppliedPolicy, PolicyType, ResultType

# What OpenSSL's verification says (X509_V_ERR_...), as reports name it (RFC 8460 4.3).
_EXPIRED: Final = {10}
_MISMATCH: Final = {62, 64}
_UNTRUSTED: Final = {2, 18, 19, 20, 21, 24, 27}

CLEAR: Final = Tls(trust="in clear text: the TLS handshake failed")


class Security(Struct, frozen=True):
    """How one host is to be spoken to.

    Attributes:
        tls: What to ask of it.
        otherwise: What to try next, in order, should that fail for reasons of TLS.
        refused: Why it is not to be used now; None: it may be.
        applied: The domain's policy, as reports state it.
        flaw: What is wrong already, whatever comes of the session.
    """

    tls: Tls
    otherwise: tuple[Tls, ...] = ()
    refused: Result | None = None
    applied: AppliedPolicy = AppliedPolicy()
    flaw: ResultType | None = None


class Opportunistic:
    """TLS where it is offered, whatever the certificate, for every host alike (RFC 7435)."""

    def __init__(self, words: str = "certificate not checked") -> None:
        """`words`: why, for the trace."""
        tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False), trust=words)
        self._security = Security(tls, (CLEAR,))

    async def policy(self, domain: str, host: str) -> Security:  # noqa: ARG002 -- all alike
        """The same for all."""
        return self._security

    def record(self, domain: str, host: str, security: Security, end: Session | Refused) -> None:
        """Nobody wants to know."""


class TransportSecurity:
    """Chooses for one worker, and counts what came of it."""

    def __init__(
        self,
        resolver: Resolver,
        policies: Policies,
        tally: Tally,
        clock: Clock,
        *,
        port: int = 25,
        authorities: ssl.SSLContext | None = None,
    ) -> None:
        """Prepares; `port` is where the hosts take mail, `authorities` whom to believe."""
        self._resolver = resolver
        self._policies = policies
        self._tally = tally
        self._clock = clock
        self._port = port
        self._verified = authorities or client_context(verify=True)
        self._any = client_context(verify=False)

    async def policy(self, domain: str, host: str) -> Security:
        """What a host of a domain is to be asked for."""
        if domain.startswith("["):
            return self._opportunistic(domain, "an address has no policy")
        try:
            domain = Path("", parse_domain(domain)).ascii_domain()
        except SyntaxFault:
            return self._opportunistic(domain, "what is no domain has no policy")
        try:
            signed = (await self._resolver.query(domain, "MX")).secure
            found = await dane.published(self._resolver, host, self._port) if signed else None
        except Fault as fault:
            return self._unknown(domain, host, fault)
        if found is not None:
            return self._by_dane(domain, host, found)
        policy = await self._policies.of(domain)
        if policy is not None and policy.mode is not Mode.NONE:
            return self._by_mta_sts(domain, host, policy)
        trouble = self._policies.trouble(domain) if policy is None else None
        if trouble is not None:
            return self._without_policy(domain, trouble)
        return self._opportunistic(domain, f"{domain} publishes neither DANE nor MTA-STS")

    def _unknown(self, domain: str, host: str, fault: Fault) -> Security:
        text = f"Whether {host} has TLSA records cannot be told: {fault.text}"
        refused = Result("", Outcome.TEMPORARY, "4.7.5", text, host=host)
        applied = AppliedPolicy(PolicyType.TLSA.value, domain, (), (host,))
        return Security(Tls(), (), refused, applied, ResultType.DNSSEC_INVALID)

    def _by_dane(self, domain: str, host: str, found: dane.Published) -> Security:
        strings = tuple(str(record) for record in found.records)
        applied = AppliedPolicy(PolicyType.TLSA.value, domain, strings, (host,))
        if not found.records:
            words = f"certificate not checked: {host} has TLSA records that cannot be used"
            tls = Tls(mode=TlsMode.REQUIRED, context=self._any, trust=words)
            return Security(tls, (), None, applied, ResultType.TLSA_INVALID)
        names = tuple(dict.fromkeys((found.base, host, domain)))  # RFC 7672 3.2.2

        def check(chain: object) -> None:
            dane.verify(chain, found.records, names, self._clock.now())  # type: ignore[arg-type]

        tls = Tls(
            mode=TlsMode.REQUIRED, context=self._any, server_name=found.base, check=check,
            trust=f"certificate verified by DANE (TLSA records of {found.base})",
        )  # fmt: skip
        return Security(tls, (), None, applied)

    def _by_mta_sts(self, domain: str, host: str, policy: mta_sts.Policy) -> Security:
        strings = tuple(mta_sts.encode_policy(policy).decode().splitlines())
        applied = AppliedPolicy(PolicyType.STS.value, domain, strings, policy.mx)
        allowed = policy.allows(host)
        what = f"the MTA-STS policy of {domain}"
        if policy.mode is Mode.TESTING:
            tested = f"certificate not checked: {what} is only being tested"
            encrypted = self._with_any(f"{tested}, and {host} does not keep to it")
            if not allowed:
                return Security(encrypted, (CLEAR,), None, applied, ResultType.VALIDATION_FAILURE)
            tls = Tls(
                mode=TlsMode.REQUIRED, context=self._verified,
                trust=f"certificate verified by {what}, which is being tested",
            )  # fmt: skip
            return Security(tls, (encrypted, CLEAR), None, applied)
        if not allowed:
            text = f"{host} is not named by {what}, which forbids to send mail there."
            refused = Result("", Outcome.TEMPORARY, "4.7.5", text, host=host)
            return Security(Tls(), (), refused, applied, ResultType.VALIDATION_FAILURE)
        trust = f"certificate verified by {what}"
        tls = Tls(mode=TlsMode.REQUIRED, context=self._verified, trust=trust)
        return Security(tls, (), None, applied)

    def _without_policy(self, domain: str, trouble: ResultType) -> Security:
        """A policy is announced and cannot be had: as if there were none (RFC 8461 3.3)."""
        applied = AppliedPolicy(PolicyType.STS.value, domain)
        words = f"certificate not checked: the MTA-STS policy of {domain} cannot be had"
        return Security(self._with_any(words), (CLEAR,), None, applied, trouble)

    def _opportunistic(self, domain: str, why: str) -> Security:
        applied = AppliedPolicy(PolicyType.NONE.value, domain)
        tls = self._with_any(f"certificate not checked: {why}")
        return Security(tls, (CLEAR,), None, applied)

    def _with_any(self, words: str) -> Tls:
        return Tls(mode=TlsMode.OPPORTUNISTIC, context=self._any, trust=words)

    def record(self, domain: str, host: str, security: Security, end: Session | Refused) -> None:
        """Count what came of one attempt: a session, or a refusal.

        Hosts that could not be reached, or did not want us, say nothing about TLS.
        """
        if isinstance(end, Refused):
            result = security.flaw or result_type(end)
            reason, address = end.text, end.why.address
            if result is None:
                return
        else:
            result, reason, address = security.flaw, "", end.address
            if result is None and end.tls is None:
                result = ResultType.STARTTLS_NOT_SUPPORTED
        self._tally.add(domain, security.applied, result, host, _without_port(address), reason)


def result_type(refused: Refused) -> ResultType | None:
    """Which failure of RFC 8460 4.3 a refusal is; None when it has nothing to do with TLS."""
    cause: BaseException | None = refused
    while cause is not None:
        if isinstance(cause, dane.Mistrust):
            return cause.result
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _of_code(cause.verify_code)
        if isinstance(cause, ssl.SSLError):
            return ResultType.VALIDATION_FAILURE
        cause = cause.__cause__
    if refused.retry_without_tls or refused.__cause__ is not None:
        return ResultType.VALIDATION_FAILURE  # the handshake ended without a word
    return ResultType.STARTTLS_NOT_SUPPORTED if refused.kind is Kind.TLS_REQUIRED else None


def _of_code(code: int) -> ResultType:
    if code in _EXPIRED:
        return ResultType.CERTIFICATE_EXPIRED
    if code in _MISMATCH:
        return ResultType.CERTIFICATE_HOST_MISMATCH
    if code in _UNTRUSTED:
        return ResultType.CERTIFICATE_NOT_TRUSTED
    return ResultType.VALIDATION_FAILURE


def _without_port(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
