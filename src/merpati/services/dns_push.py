"""Publishing records where the name server takes updates (RFC 2136).

`push` puts the records of a domain into its zone; `present` and `withdraw` are the proofs of
DNS-01 (RFC 8555 8.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from merpati.base.secrets import Secret
from merpati.base.settings import setting
from merpati.net import dns_update
from merpati.net.dns_update import ALGORITHMS, Change, Tsig

CHALLENGE: Final = "_acme-challenge"  # RFC 8555 8.4: before the name that is proved
CHALLENGE_TTL: Final = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsUpdateSettings:
    """The name server that takes updates of our zones (RFC 2136)."""

    server: str = setting(
        "", "Its address, as address or address:port; empty: none.", example="192.0.2.53"
    )
    key_name: str = setting("", "Name of the key shared with it (TSIG).", example="merpati")
    key_secret: Secret = setting(Secret(""), "That key, in base64.", example="c2VjcmV0")
    key_algorithm: str = setting("hmac-sha256", "How it signs.", choices=ALGORITHMS)

    def __post_init__(self) -> None:
        if bool(self.key_name) != bool(self.key_secret):
            raise ValueError("key_name and key_secret go together: set both, or none.")

    def tsig(self) -> Tsig | None:
        """The key, if there is one."""
        if not self.key_name:
            return None
        return Tsig(self.key_name, self.key_secret.reveal(), self.key_algorithm)


async def push(
    records: Iterable[tuple[str, str, str]],
    server: tuple[str, int],
    tsig: Tsig | None,
    ttl: int = 3600,
) -> dict[str, int]:
    """Put records into their zones in place of all of the same names and types.

    Args:
        records: Name, type and value of each, as in a zone file.
        server: Address and port of the name server.
        tsig: The key shared with it.
        ttl: Seconds that others may remember the records.

    Returns:
        How many records were put into which zone.

    Raises:
        Fault: DENIED, UNAVAILABLE, SYNTAX or CONFIG; zones before the one that failed are done.
    """
    values: dict[tuple[str, str], list[str]] = {}
    for name, kind, value in records:
        values.setdefault((name.rstrip(".").lower(), kind.upper()), []).append(value)
    zones: dict[str, list[Change]] = {}
    for (name, kind), several in values.items():
        zone = await dns_update.zone_of(server, name)
        zones.setdefault(zone, []).append(Change(name, kind, tuple(several), ttl))
    for zone, changes in zones.items():
        await dns_update.push(server, zone, changes, tsig)
    return {zone: sum(len(one.values) for one in changes) for zone, changes in zones.items()}


async def present(
    proofs: Mapping[str, Sequence[str]], server: tuple[str, int], tsig: Tsig | None
) -> None:
    """Publish proofs of names: the digests of each (RFC 8555 8.4). Raises Fault as `push`."""
    records = [
        (f"{CHALLENGE}.{name}", "TXT", f'"{digest}"')
        for name, digests in proofs.items()
        for digest in digests
    ]
    await push(records, server, tsig, CHALLENGE_TTL)


async def withdraw(names: Iterable[str], server: tuple[str, int], tsig: Tsig | None) -> None:
    """Take the proofs of these names away. Raises Fault as `push`."""
    for name in names:
        proved = f"{CHALLENGE}.{name}"
        zone = await dns_update.zone_of(server, proved)
        await dns_update.push(server, zone, [Change(proved, "TXT", ())], tsig)
