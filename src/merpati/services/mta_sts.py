"""The MTA-STS policies of other domains, fetched and remembered; and those of ours (RFC 8461).

A policy is kept as long as it says, in the store, so that a restart forgets none: an attacker
who hides the record or the web server from us gains nothing while it lasts. The record's id
tells when there is a new one. It is fetched again before its time is over, so that nobody can
wait for that moment, and a fetch that fails leaves what was known in force.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from typing import Final

from msgspec import Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Log
from merpati.net.dns import Resolver
from merpati.net.https import PORT, Https
from merpati.store import transport
from merpati.store.engine import Store
from merpati.store.transport import Hosted, StoredPolicy
from merpati.wire import mta_sts
from merpati.wire.mta_sts import Mode, Policy
from merpati.wire.tls_report import ResultType

FETCH_TIMEOUT: Final = 60.0  # seconds, RFC 8461 3.3
RETRY: Final = 300.0  # seconds until a failed fetch is tried again (RFC 8461 3.3)
REFRESH: Final = 86_400  # seconds until a policy is fetched again (RFC 8461 10.2), or half its age
LEAST_KEPT: Final = 60  # seconds, or a policy of no age at all would be fetched all the time
MAX_FAILURES: Final = 1000  # domains whose failed fetch is remembered
LEAST_AGE: Final = 86_400  # seconds that a policy is kept at least when ours is made


class _Failed(Struct, frozen=True):
    """A fetch that failed: of which id, until when it is not repeated (monotonic), and why."""

    policy_id: str
    until: float
    result: ResultType


class Policies:
    """What other domains promise, for one worker."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        https: Https,
        clock: Clock,
        log: Log,
        *,
        port: int = PORT,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._https = https
        self._clock = clock
        self._log = log
        self._port = port
        self._fetching: dict[str, asyncio.Task[Policy | None]] = {}
        self._failed: dict[str, _Failed] = {}

    async def of(self, domain: str) -> Policy | None:
        """The policy in force for a domain; None when it has none, or none can be had.

        Raises:
            Fault: UNAVAILABLE, the store cannot be asked.
        """
        now = int(self._clock.now() * 1000)
        known = await self._store.read(transport.policy, domain)
        if known is not None and known.expires_at <= now:
            known = None
        policy = None if known is None else mta_sts.parse_policy(known.policy.encode())
        policy_id = await self._announced(domain)
        if not policy_id:
            return policy
        if known is None or known.policy_id != policy_id:
            task = self._start(domain, policy_id)
            fresh = None if task is None else await asyncio.shield(task)
            return fresh or policy
        if policy is not None and known.expires_at - now < 1000 * _left_at_refresh(policy):
            self._start(domain, policy_id)  # what is known will do meanwhile
        return policy

    def trouble(self, domain: str) -> ResultType | None:
        """Why the last fetch of a domain's policy failed, if it did."""
        failed = self._failed.get(domain)
        return None if failed is None else failed.result

    async def _announced(self, domain: str) -> str:
        """The id of the present policy; "" when there is none, or nobody can tell."""
        try:
            records = await self._resolver.txt(f"{mta_sts.RECORD_NAME}.{domain}")
            return mta_sts.read_record(records)
        except Fault:  # what is known stays in force; what is not known cannot be
            return ""

    def _start(self, domain: str, policy_id: str) -> asyncio.Task[Policy | None] | None:
        """Fetch the policy of this id, once for all who ask; None too soon after a failure."""
        failed = self._failed.get(domain)
        if failed and failed.policy_id == policy_id and self._clock.monotonic() < failed.until:
            return None
        task = self._fetching.get(domain)
        if task is None:
            task = asyncio.create_task(self._fetch(domain, policy_id))
            self._fetching[domain] = task
            task.add_done_callback(lambda _: self._fetching.pop(domain, None))
        return task

    async def _fetch(self, domain: str, policy_id: str) -> Policy | None:
        try:
            policy = await fetch(self._https, domain, self._port)
        except Fault as fault:
            self._log.warning("mta-sts.not-fetched", domain=domain, reason=fault.text)
            if len(self._failed) >= MAX_FAILURES:
                self._failed.clear()
            until = self._clock.monotonic() + RETRY
            self._failed[domain] = _Failed(policy_id, until, _result_of(fault))
            return None
        self._failed.pop(domain, None)
        until = int((self._clock.now() + max(policy.max_age, LEAST_KEPT)) * 1000)
        text = mta_sts.encode_policy(policy).decode()
        try:
            stored = StoredPolicy(policy_id, text, until)
            await self._store.write(transport.keep_policy, domain, stored)
        except Fault as fault:  # it holds for this message all the same
            self._log.warning("mta-sts.not-kept", domain=domain, reason=fault.text)
        return policy


async def fetch(https: Https, domain: str, port: int = PORT) -> Policy:
    """The policy a domain serves now (RFC 8461 3.3).

    Raises:
        Fault: UNAVAILABLE, it cannot be had. SYNTAX, it cannot be read.
    """
    host = f"{mta_sts.POLICY_HOST}.{domain}"
    answer = await https.request(
        "GET", host, mta_sts.POLICY_PATH, port=port, limit=mta_sts.MAX_POLICY, within=FETCH_TIMEOUT
    )
    if answer.status != 200:
        text = f"https://{host}{mta_sts.POLICY_PATH} answered with status {answer.status}."
        raise Fault(Kind.UNAVAILABLE, text)
    kind = answer.fields.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/plain":
        raise SyntaxFault(f"The MTA-STS policy of {domain} is {kind[:60]}, not text/plain.")
    return mta_sts.parse_policy(answer.body)


def _left_at_refresh(policy: Policy) -> float:
    """How many seconds a policy is still to be kept when it is fetched again."""
    return policy.max_age - min(REFRESH, policy.max_age / 2)


def _result_of(fault: Fault) -> ResultType:
    """How a report names a failed fetch (RFC 8460 4.3.2.2)."""
    if isinstance(fault, SyntaxFault):
        return ResultType.STS_POLICY_INVALID
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return ResultType.STS_WEBPKI_INVALID
        cause = cause.__cause__
    return ResultType.STS_POLICY_FETCH_ERROR


def own_policy(hosted: Hosted, hostname: str) -> Policy:
    """The policy of one of our domains: this server takes its mail, and nobody else."""
    return Policy(Mode(hosted.mode), max(hosted.max_age, LEAST_AGE), (hostname.lower(),))


def own_id(policy: Policy) -> str:
    """The id that announces a policy of ours: another one whenever it changes."""
    text = mta_sts.encode_policy(policy)
    return f"{zlib.crc32(text):08x}{zlib.adler32(text):08x}"
