"""Mail from outside with everything that proves who sent it: SPF, DKIM, DMARC and ARC.

Every message has an RSA-2048 signature of its author's domain and an ARC set of one host on the
way; a client that XCLIENT places outside brings it. We verify all of it; the Postfix beside us
has OpenDKIM and OpenDMARC as milters, which know no ARC. All ask one name server. Mail that
leaves again is sealed by us, and relayed to `smtp-sink`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import corpus, intake, milters
from bench.imap_client import Imap
from bench.intake import Case
from bench.names import Names
from bench.ours import DOMAIN, MERPATI, Ours
from bench.peers import Peers
from bench.queue import Sink
from bench.report import Row, Runs, at_most, times
from bench.target import Target
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.store import signing
from merpati.store.engine import Transaction
from merpati.wire.dkim import keys, signer
from merpati.wire.dkim.canonical import relax_field
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import SigningKey

if TYPE_CHECKING:
    from bench.load import Generator
    from bench.run import Plan

SUITE: Final = "proof"
CLIENT: Final = "192.0.2.7"
HELO: Final = "mail.example.net"
SIGNED: Final = [b"from", b"from", b"to", b"date", b"mime-version", b"content-type"]
AWAY: Final = f"away@{DOMAIN}"
# What must stand above a message, or somebody does not do what is measured.
EVIDENCE: Final = (b"spf=pass", b"dkim=pass", b"dmarc=pass")


@dataclass(frozen=True)
class Outside(Case):
    """Mail from a host outside."""

    recipient: str = "{user}"

    def script(self) -> str:
        """The same as of any mail, after a word about who the client is."""
        opened = (
            "[open]\nwait smtp 220\nsend EHLO bench.example\\r\\n\nwait smtp 250\n"
            f"send XCLIENT NAME={HELO} ADDR={CLIENT}\\r\\n\nwait smtp 220\n"
            f"send EHLO {HELO}\\r\\n\nwait smtp 250\n"
        )
        rest = super().script().partition("[tx]\n")[2]
        return f"{opened}[tx]\n{rest.replace('{user}', self.recipient)}"


GOALS: Final = (("rate", times(3)), ("cpu", at_most(3)))
CASES: Final = (
    Outside("4 KB, verified", goals=GOALS),
    Outside("50 KB, verified", kib=50, goals=GOALS),
)
FORWARDED: Final = Outside("4 KB, verified, forwarded and sealed", recipient=AWAY)


def measure(plan: Plan, generator: Generator, folder: Path, *, beside: bool) -> list[Row]:
    """Every case on both servers, in turn."""
    author, host = _key("example.net", "s1"), _key("relay.example.org", "a1")
    folder = folder / "proof"
    folder.mkdir()
    folder.chmod(0o711)
    names = Names(folder, _zone(author, host))
    sink = Sink(folder)
    started: list[Ours | Peers | milters.Milters | Sink | Names] = [names, sink]
    runs = Runs(SUITE)
    try:
        ours = _ours(folder, names, sink)
        started.append(ours)
        ours.start()
        targets = [replace(ours.target(), on_the_way=lambda: _queued(ours))]
        if beside and not (why := milters.missing()):
            targets.append(_postfix(folder, names, ours, started))
        elif beside:
            plan.say(f"proof: without its peer ({why})")
        for case in (*CASES, FORWARDED):
            body = _letter(generator.folder / f"proof{case.kib}", case.kib, author, host)
            intake.in_turn(
                plan, generator, targets[: 1 if case is FORWARDED else None], case, body, runs
            )
        for target in targets:
            _look(target)
    finally:
        for one in reversed(started):
            one.close()
    return [row for case in (*CASES, FORWARDED) for row in intake.rows_of(runs, case)]


def _ours(folder: Path, names: Names, sink: Sink) -> Ours:
    """Our server, which believes XCLIENT from here and has a route to the sink."""
    ours = Ours(folder)
    ours.index(on=False)
    text = ours.config.read_text()
    for place, added in (
        ("\n[dns]\n", f'nameservers = ["{names.address}"]\n'),
        ("\n[outbound]\n", f'routes = ["sink.test smtp+clear://127.0.0.1:{sink.port}"]\n'),
        ('service = "smtp"\n', 'xclient = ["127.0.0.1"]\n'),
    ):
        assert place in text, f"the configuration has no {place.strip()}"
        text = text.replace(place, place + added, 1)
    ours.config.write_text(text)
    command: list[str | Path] = [MERPATI, "alias", "add", AWAY, "u0@sink.test", "-c", ours.config]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    asyncio.run(_sign(ours))
    return ours


async def _sign(ours: Ours) -> None:
    """Let its keys sign at once, as if the DNS had shown them."""
    store = await open_store(read_config(ours.config))
    now = int(time.time() * 1000)
    later = now + 86_400_000

    async def unit(tx: Transaction) -> None:
        for key in await signing.keys(tx, DOMAIN):
            await signing.activate(tx, key.id, now, later)
        assert len(await signing.signing(tx, DOMAIN)) > 1, "no key signs"

    try:
        await store.write(unit)
    finally:
        await store.close()


def _postfix(
    folder: Path,
    names: Names,
    ours: Ours,
    started: list[Ours | Peers | milters.Milters | Sink | Names],
) -> Target:
    checks = milters.Milters(folder, names)
    started.append(checks)
    checks.start()
    peers = Peers(folder, ours.certificate, ours.key, settings=checks.settings(), under=names.under)
    started.append(peers)
    peers.start()
    target = peers.targets()[0]
    title = "Postfix with OpenDKIM, OpenDMARC"
    return replace(target, title=title, groups=(*target.groups, checks.group))


def _queued(ours: Ours) -> int:
    file = ours.folder / "data" / "merpati.sqlite"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30) as db:
        return int(db.execute("SELECT count(*) FROM queue_recipient").fetchone()[0])


def _look(target: Target) -> None:
    """Whether what was measured was done.

    Raises:
        RuntimeError: one of the checks did not pass, or was not made.
    """
    with Imap(target, 1) as session:
        session.command("SELECT INBOX")
        header = session.command("FETCH 1 BODY.PEEK[HEADER]")
    for one in EVIDENCE:
        if one not in header:
            raise RuntimeError(f"{target.title}: there is no {one.decode()} in\n{header.decode()}")


def _key(domain: str, selector: str) -> SigningKey:
    return keys.load(domain, selector, keys.generate("rsa"))


def _zone(author: SigningKey, host: SigningKey) -> dict[tuple[str, str], str]:
    """What the author's domain and the host on the way publish."""
    zone = {(f"{key.name}.", "TXT"): keys.quote(keys.record(key)) for key in (author, host)}
    return zone | {
        ("example.net.", "TXT"): '"v=spf1 include:_spf.example.net -all"',
        ("_spf.example.net.", "TXT"): '"v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/28 -all"',
        ("_dmarc.example.net.", "TXT"): '"v=DMARC1; p=reject; rua=mailto:reports@example.net"',
        ("example.net.", "MX"): f"10 {HELO}.",
        (f"{HELO}.", "A"): CLIENT,
        ("7.2.0.192.in-addr.arpa.", "PTR"): f"{HELO}.",
    }


def _letter(path: Path, kib: int, author: SigningKey, host: SigningKey) -> Path:
    """A file with a signed message as DATA sends it; what differs in each is not signed."""
    corpus.submission(path, kib * 1024)
    head, end, body = path.read_bytes().partition(b"\r\n\r\n")
    content = Content(head + end + body.removesuffix(b".\r\n"))
    now = int(time.time())
    tags = {b"v": b"1"} | signer.signature_tags(author, SIGNED, now)
    signature = signer.seal_fields(b"DKIM-Signature", tags, content, SIGNED, author)
    fields = signature + _arc_set(content, host, now)
    path.write_bytes(head + b"\r\n" + fields.removesuffix(b"\r\n") + end + body)
    return path


def _arc_set(content: Content, host: SigningKey, now: int) -> bytes:
    """The three fields of the first host of a chain (RFC 8617 5.1)."""
    results = b" i=1; relay.example.org; spf=pass smtp.mailfrom=alice@example.net"
    first = {b"i": b"1"}
    tags = first | signer.signature_tags(host, SIGNED, now)
    signature = signer.seal_fields(b"ARC-Message-Signature", tags, content, SIGNED, host)
    parts = [
        relax_field(b"arc-authentication-results", results + b"\r\n"),
        relax_field(b"arc-message-signature", signature.partition(b":")[2]),
    ]
    common = signer.signature_tags(host, [], now)
    tags = first | {b"cv": b"none"} | {name: common[name] for name in (b"a", b"d", b"s", b"t")}
    sealed = signer.finish(b"ARC-Seal", tags, parts, host)
    return sealed + signature + b"ARC-Authentication-Results:" + results + b"\r\n"
