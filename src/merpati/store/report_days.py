"""Reports of others added up by day, for charts."""

from __future__ import annotations

from typing import Final

from merpati.store.engine import Transaction

DAY: Final = 86_400_000  # ms


async def dmarc(tx: Transaction, domain: str, since: int) -> list[tuple[int, int, int]]:
    """Days (Unix ms) with how many messages passed DMARC, and how many did not; in order."""
    rows = await tx.rows(
        "SELECT r.end_at / $3, CAST(sum(CASE WHEN s.dkim_aligned + s.spf_aligned > 0"
        " THEN s.messages ELSE 0 END) AS BIGINT), CAST(sum(s.messages) AS BIGINT)"
        " FROM dmarc_report r JOIN dmarc_source s ON s.report_id = r.id"
        " WHERE r.domain = $1 AND r.end_at >= $2 GROUP BY 1 ORDER BY 1",
        domain, since, DAY,
    )  # fmt: skip
    return [(day * DAY, good, total - good) for day, good, total in rows]


async def tls(tx: Transaction, domain: str, since: int) -> list[tuple[int, int, int]]:
    """Days (Unix ms) with how many sessions were as promised, and how many were not."""
    rows = await tx.rows(
        "SELECT received_at / $3, CAST(sum(good) AS BIGINT), CAST(sum(bad) AS BIGINT)"
        " FROM tls_report WHERE domain = $1 AND received_at >= $2 GROUP BY 1 ORDER BY 1",
        domain, since, DAY,
    )  # fmt: skip
    return [(day * DAY, good, bad) for day, good, bad in rows]
