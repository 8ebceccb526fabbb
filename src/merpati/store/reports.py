"""DMARC reports: counts of other domains' mail, and what others report of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from merpati.store.engine import Transaction

Key = tuple[int, str, str]
"""A day, the domain whose policy applied, and a row as JSON."""

MAX_ROWS: Final = 10_000
"""Rows of one report, the largest first; no honest domain comes near it in a day."""
_AT_ONCE: Final = 500  # rows removed in one transaction


class Source(Struct, frozen=True):
    """Messages from one address that came to the same, as another host reports them."""

    source_ip: str
    messages: int
    dkim_aligned: bool
    spf_aligned: bool
    disposition: str
    header_from: str
    signer: str
    envelope: str


class Received(Struct, frozen=True):
    """A report of another host about a domain of ours; times in Unix milliseconds."""

    domain: str
    organization: str
    report_id: str
    begin_at: int
    end_at: int
    received_at: int
    policy: str


# What is counted here


async def count(
    tx: Transaction, counts: Mapping[Key, int], policies: Mapping[tuple[int, str], str]
) -> None:
    """Add messages to those counted before; of a day's policies the last is kept."""
    await tx.run_many(
        "INSERT INTO dmarc_count (day, domain, row, messages) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (day, domain, row)"
        " DO UPDATE SET messages = dmarc_count.messages + excluded.messages",
        [(*key, messages) for key, messages in sorted(counts.items())],
    )
    await tx.run_many(
        "INSERT INTO dmarc_policy (day, domain, record) VALUES ($1, $2, $3)"
        " ON CONFLICT (day, domain) DO UPDATE SET record = excluded.record",
        [(*key, record) for key, record in sorted(policies.items())],
    )


async def unreported(tx: Transaction, before_day: int, limit: int = 1000) -> list[tuple[int, str]]:
    """Days before this one, and domains, that are not reported yet; oldest first."""
    rows = await tx.rows(
        "SELECT day, domain FROM dmarc_policy WHERE day < $1 ORDER BY day, domain LIMIT $2",
        before_day, limit,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def counted(tx: Transaction, day: int, domain: str) -> tuple[str, list[tuple[str, int]]]:
    """The record of a domain on a day, and its rows as JSON with their counts."""
    record = await tx.value(
        "SELECT record FROM dmarc_policy WHERE day = $1 AND domain = $2", day, domain
    )
    rows = await tx.rows(
        "SELECT row, messages FROM dmarc_count WHERE day = $1 AND domain = $2"
        " ORDER BY messages DESC, row LIMIT $3",
        day, domain, MAX_ROWS,
    )  # fmt: skip
    return record or "", [(row[0], row[1]) for row in rows]


async def forget(tx: Transaction, day: int, domain: str) -> None:
    """A domain's day is reported, or nobody asks for it."""
    await tx.run("DELETE FROM dmarc_count WHERE day = $1 AND domain = $2", day, domain)
    await tx.run("DELETE FROM dmarc_policy WHERE day = $1 AND domain = $2", day, domain)


async def forget_days(tx: Transaction, before_day: int) -> int:
    """Remove what was counted on days before this one; how many rows."""
    await tx.run("DELETE FROM dmarc_policy WHERE day < $1", before_day)
    return await tx.run("DELETE FROM dmarc_count WHERE day < $1", before_day)


# What others report


async def keep(tx: Transaction, one: Received, sources: Iterable[Source]) -> bool:
    """Keep a report; False when it had come before."""
    row = await tx.row(
        "INSERT INTO dmarc_report (domain, organization, report_id, begin_at, end_at, received_at,"
        " policy) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
        one.domain, one.organization, one.report_id, one.begin_at, one.end_at, one.received_at,
        one.policy,
    )  # fmt: skip
    if row is None:
        return False
    await tx.run_many(
        "INSERT INTO dmarc_source (report_id, n, source_ip, messages, dkim_aligned, spf_aligned,"
        " disposition, header_from, signer, envelope)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (row[0], n, source.source_ip, source.messages, int(source.dkim_aligned),
             int(source.spf_aligned), source.disposition, source.header_from, source.signer,
             source.envelope)
            for n, source in enumerate(sources)
        ],
    )  # fmt: skip
    return True


async def reports(tx: Transaction, domain: str, since: int, limit: int = 10_000) -> list[Received]:
    """The reports about a domain whose time ended since then, oldest first."""
    rows = await tx.rows(
        "SELECT domain, organization, report_id, begin_at, end_at, received_at, policy"
        " FROM dmarc_report WHERE domain = $1 AND end_at >= $2 ORDER BY end_at, id LIMIT $3",
        domain, since, limit,
    )  # fmt: skip
    return [Received(*row) for row in rows]


async def sources(tx: Transaction, domain: str, since: int) -> list[Source]:
    """What they say, added up by what came to the same; the most first."""
    rows = await tx.rows(
        "SELECT s.source_ip, CAST(sum(s.messages) AS BIGINT), s.dkim_aligned, s.spf_aligned,"
        " s.disposition, s.header_from, s.signer, s.envelope"
        " FROM dmarc_report r JOIN dmarc_source s ON s.report_id = r.id"
        " WHERE r.domain = $1 AND r.end_at >= $2"
        " GROUP BY s.source_ip, s.dkim_aligned, s.spf_aligned, s.disposition, s.header_from,"
        " s.signer, s.envelope ORDER BY 2 DESC, 1 LIMIT $3",
        domain, since, MAX_ROWS,
    )  # fmt: skip
    return [
        Source(ip, messages, bool(dkim), bool(spf), *rest)
        for ip, messages, dkim, spf, *rest in rows
    ]


async def reported_domains(tx: Transaction) -> Sequence[str]:
    """The domains that there are reports about."""
    return [row[0] for row in await tx.rows("SELECT DISTINCT domain FROM dmarc_report ORDER BY 1")]


async def forget_reports(tx: Transaction, before: int) -> int:
    """Remove some of the reports that came before this time; how many."""
    rows = await tx.rows(
        "SELECT id FROM dmarc_report WHERE received_at < $1 ORDER BY received_at LIMIT $2",
        before, _AT_ONCE,
    )  # fmt: skip
    ids = [row[0] for row in rows]
    for report_id in ids:
        await tx.run("DELETE FROM dmarc_source WHERE report_id = $1", report_id)
        await tx.run("DELETE FROM dmarc_report WHERE id = $1", report_id)
    return len(ids)
