"""Certificates that look after themselves: ordered by ACME, renewed in time, used at once.

Which are wanted follows from the configuration and the store: one for this server's names,
and one for the policy host of each domain whose MTA-STS policy is served here, so that a
name whose DNS is wrong takes no other down with it. A worker that takes the lease on one
orders it and puts it into the store; every worker of every node then writes it to a file of
its own node and shows it to new clients, without a restart. Until the first one comes, the
certificate of the configuration file is shown, which `merpati init` makes.

A renewed certificate keeps its key unless it is told otherwise: the TLSA records of DANE name
the key, and must not be wrong for a single day. A try that fails is repeated after an hour,
then after two, and so on up to a day, which authorities' limits allow.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.net import acme, acme_proof
from merpati.net.dns_update import Tsig
from merpati.net.tls import CertificateFiles, CertificateStore
from merpati.services import dns_push
from merpati.store import certificates, leases, transport
from merpati.store.certificates import Account, Certificate
from merpati.store.engine import Store
from merpati.wire import dane, mta_sts

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
CHALLENGES: Final = ("http-01", "tls-alpn-01", "dns-01")
SUFFIX: Final = ".pem"  # of the files: chain and key in one, so that the two always fit
LEASE: Final = 900.0  # seconds for one order
COMPLETE: Final = 180.0  # seconds for the authority to look, and to sign
PROOF_KEPT: Final = 3600.0  # seconds
SPREAD_WAIT: Final = 2.0  # seconds for the other workers to learn of a proof
FIRST_RETRY: Final = 3600.0  # seconds
LAST_RETRY: Final = 86_400.0
RENEW_AFTER: Final = 2 / 3  # of its life
ADVICE_EVERY: Final = 21_600.0  # seconds between two looks at the authority's advice (RFC 9773)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings:
    """Certificates ordered and renewed by themselves (ACME, RFC 8555)."""

    enabled: bool = setting(
        False, "Order certificates; whoever turns this on agrees to the authority's terms."
    )
    directory: str = setting(LETS_ENCRYPT, "The authority's URL.")
    trusted: Path | None = setting(
        None, "Certificates (PEM) that vouch for an authority of your own."
    )
    contact: str = setting(
        "", "Address the authority may write to.", example="postmaster@example.org"
    )
    challenge: str = setting(
        "http-01",
        "How names are proved: http-01 wants port 80, tls-alpn-01 port 443, dns-01 [dns_update].",
        choices=CHALLENGES,
    )
    names: tuple[str, ...] = setting(
        (), "More names for this server's certificate.", example=["imap.example.org"]
    )
    new_keys: bool = setting(
        False, "Make a new key for each renewal; TLSA records must then follow."
    )
    dns_wait: int = setting(
        10, "How long until all name servers of a zone know of an update.", unit="s", maximum=3600
    )


class Certificates:
    """Looks after the certificates of one worker, and orders those it takes a lease on."""

    def __init__(
        self,
        worker: str,
        store: Store,
        chain: CertificateStore,
        files: Callable[[], list[CertificateFiles]],
        folder: Path,
        hostname: str,
        settings: AcmeSettings,
        name_server: tuple[tuple[str, int], Tsig | None] | None,
        clock: Clock,
        log: Log,
    ) -> None:
        """Prepares; `files` gives all certificates to show, `folder` is where ours are kept."""
        self._worker = worker
        self._store = store
        self._chain = chain
        self._files = files
        self._folder = folder
        self._hostname = hostname.lower()
        self._settings = settings
        self._name_server = name_server
        self._clock = clock
        self._log = log
        self._busy = asyncio.Lock()
        self._shown: list[Certificate] = []  # to clients of this worker

    # Showing them

    async def refresh(self) -> bool:
        """Show what the store has; whether anything was new."""
        async with self._busy:
            await self._load_proofs()
            found = [one for one in await self._store.read(certificates.certificates) if one.chain]
            if found == self._shown:
                return False
            for one in found:
                self._write(one)
            self._remove_all_but(found)
            self._chain.reload(self._files())
            fresh = [one for one in found if one not in self._shown]
            self._shown = found
            for one in fresh:
                self._log.info("certificate.installed", name=one.name, names=" ".join(one.names))
            return True

    async def _load_proofs(self) -> None:
        answers = dict(await self._store.read(certificates.answers, "tls-alpn-01"))
        if answers or self._chain.proofs:
            now = self._clock.now()
            self._chain.proofs = {
                name: acme_proof.context(name, answer, now) for name, answer in answers.items()
            }

    def _write(self, one: Certificate) -> None:
        """Make its file say what the store says; another worker may have done so already."""
        content = (one.chain.rstrip() + "\n" + one.private_key).encode()
        path = self._folder / _file_name(one)
        with contextlib.suppress(OSError):
            if path.read_bytes() == content:
                return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{self._worker}-new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.rename(path)  # the store has it too, so it need not be durable

    def _remove_all_but(self, found: Sequence[Certificate]) -> None:
        known = {_file_name(one) for one in found}
        for each in installed(self._folder, self._hostname):
            if each.certificate.name not in known:
                each.certificate.unlink(missing_ok=True)

    # Ordering them

    async def wanted(self) -> list[tuple[str, ...]]:
        """The names of each certificate there should be, the first of each naming it."""
        more = (name.lower() for name in self._settings.names)
        names = tuple(dict.fromkeys((self._hostname, *more)))
        hosted = await self._store.read(transport.hosted)
        hosts = [f"{mta_sts.POLICY_HOST}.{one.domain}" for one in hosted]
        return [names, *((host,) for host in hosts if host not in names)]

    async def renew_due(self) -> int:
        """Order what is due and no other worker has taken; how many came."""
        if not self._settings.enabled:
            return 0
        came = 0
        wanted = await self.wanted()
        await self._forget_others({names[0] for names in wanted})
        for names in wanted:
            known = await self._store.read(certificates.certificate, names[0])
            now = self._clock.now()
            same = known is not None and known.names == tuple(sorted(names))
            if known is not None and same and known.renew_at > now * 1000:
                await self._ask_advice(known)
                continue
            lease, ends = f"acme/{names[0]}", int((now + LEASE) * 1000)
            if await self._store.write(leases.claim, lease, self._worker, int(now * 1000), ends):
                came += await self._renew(names, known or Certificate(names[0], names))
                await self._store.write(leases.release, lease, self._worker)
        return came

    async def _forget_others(self, wanted: set[str]) -> None:
        """Forget certificates that nobody wants any more, once they have ended."""
        now = self._clock.now() * 1000
        for one in await self._store.read(certificates.certificates):
            if one.name not in wanted and one.not_after <= now:
                await self._store.write(certificates.remove, one.name)

    async def _renew(self, names: tuple[str, ...], known: Certificate) -> bool:
        """One order to its end, good or bad, which the store remembers."""
        try:
            async with asyncio.timeout(LEASE - 60):
                fresh = await self._order(names, known)
        except (Fault, TimeoutError) as problem:
            reason = problem.text if isinstance(problem, Fault) else "It took too long."
            wait = min(FIRST_RETRY * 2**known.failures, LAST_RETRY)
            again = int((self._clock.now() + wait) * 1000)
            failures = min(known.failures + 1, 30)
            self._log.warning("certificate.not-renewed", name=names[0], reason=reason, wait=wait)
            failed = replace(
                known, names=tuple(sorted(names)), renew_at=again, failures=failures, problem=reason
            )
            await self._store.write(certificates.keep, failed)
            return False
        await self._store.write(certificates.keep, fresh)
        self._log.info("certificate.renewed", name=names[0], names=" ".join(names))
        return True

    async def _order(self, names: tuple[str, ...], known: Certificate) -> Certificate:
        authority = await self._authority()
        keep_key = known.private_key and not self._settings.new_keys
        private_key = known.private_key if keep_key else acme.make_key()
        order = await authority.order(
            acme.make_request(names, private_key), self._settings.challenge
        )
        try:
            await self._publish(order.proofs)
            chain = await authority.complete(order, COMPLETE)
        finally:
            with contextlib.suppress(Fault):  # they end by themselves, and harm nobody
                await self._withdraw(order.proofs)
        start, end = lifetime(chain)
        renew_at = start + (end - start) * RENEW_AFTER
        return Certificate(
            names[0],
            tuple(sorted(names)),
            chain,
            private_key,
            not_after=int(end * 1000),
            renew_at=int(renew_at * 1000),
        )

    async def _authority(self) -> acme.Authority:
        """The authority, with our account there, which is opened when there is none."""
        settings = self._settings
        known = await self._store.read(certificates.account, settings.directory)
        if known is not None:
            return acme.Authority(
                settings.directory, known.private_key, known.url, settings.trusted
            )
        key = acme.make_key()
        authority = acme.Authority(settings.directory, key, trusted=settings.trusted)
        url = await authority.register(settings.contact)
        await self._store.write(certificates.keep_account, Account(settings.directory, url, key))
        return authority

    async def _ask_advice(self, known: Certificate) -> None:
        """Renew sooner when the authority wants that, as when it must revoke."""
        if not known.chain or known.failures:
            return
        now = self._clock.now()
        ends = int((now + ADVICE_EVERY) * 1000)
        lease = f"acme-advice/{known.name}"
        if not await self._store.write(leases.claim, lease, self._worker, int(now * 1000), ends):
            return
        try:
            when = await (await self._authority()).renewal(known.chain)
        except Fault as fault:
            self._log.info("certificate.no-advice", name=known.name, reason=fault.text)
            return
        if when is not None and when * 1000 < known.renew_at:
            self._log.info("certificate.renew-sooner", name=known.name)
            await self._store.write(certificates.renew_now, known.name, int(when * 1000))

    # Proving names

    async def _publish(self, proofs: Sequence[acme.Proof]) -> None:
        kind = self._settings.challenge
        if not proofs:
            return
        if kind == "dns-01":
            server, tsig = self._needed_server()
            await dns_push.present(_digests(proofs), server, tsig)
            await asyncio.sleep(self._settings.dns_wait)
            return
        until = int((self._clock.now() + PROOF_KEPT) * 1000)
        answers = [(_subject(kind, one), one.key_authorization) for one in proofs]
        await self._store.write(certificates.publish, kind, answers, until)
        if kind == "tls-alpn-01":
            await self.refresh()
            await asyncio.sleep(SPREAD_WAIT)

    async def _withdraw(self, proofs: Sequence[acme.Proof]) -> None:
        kind = self._settings.challenge
        if kind == "dns-01" and proofs:
            server, tsig = self._needed_server()
            await dns_push.withdraw(_digests(proofs), server, tsig)
        elif proofs:
            subjects = [_subject(kind, one) for one in proofs]
            now = int(self._clock.now() * 1000)
            await self._store.write(certificates.withdraw, kind, subjects, now)

    def _needed_server(self) -> tuple[tuple[str, int], Tsig | None]:
        if self._name_server is None:
            text = 'challenge = "dns-01" needs a name server that takes updates: set [dns_update].'
            raise Fault(Kind.CONFIG, text)
        return self._name_server


def installed(folder: Path, first: str) -> list[CertificateFiles]:
    """The certificates ordered before, that of the name `first` in front."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except OSError:
        return []
    found.sort(key=lambda path: path.name != first.lower() + SUFFIX)
    return [CertificateFiles(path, path) for path in found]


def lifetime(chain: str) -> tuple[float, float]:
    """From when until when the first certificate of a chain is valid, Unix seconds."""
    leaf = x509.load_pem_x509_certificate(chain.encode())
    return leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()


def tlsa_of(files: CertificateFiles) -> dane.Tlsa:
    """The TLSA record to publish for a certificate that is shown (RFC 7672 3.1.3).

    Raises:
        Fault: CONFIG, it cannot be read.
    """
    try:
        leaf = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError, ssl.SSLError) as problem:
        text = f"The certificate {files.certificate} cannot be read: {problem}."
        raise Fault(Kind.CONFIG, text) from problem
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return dane.of_key(key)


def _file_name(one: Certificate) -> str:
    return one.name.replace("*", "any") + SUFFIX


def _subject(kind: str, proof: acme.Proof) -> str:
    return proof.token if kind == "http-01" else proof.name


def _digests(proofs: Sequence[acme.Proof]) -> dict[str, list[str]]:
    """What DNS-01 publishes for each name (RFC 8555 8.4)."""
    found: dict[str, list[str]] = {}
    for one in proofs:
        digest = hashlib.sha256(one.key_authorization.encode()).digest()
        text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        found.setdefault(one.name, []).append(text)
    return found
