"""Transport security: policies of other domains and of ours, counted sessions, reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from merpati.store.engine import Topic, Transaction


class StoredPolicy(Struct, frozen=True):
    """An MTA-STS policy of another domain, as text, with the id that announced it."""

    policy_id: str
    policy: str
    expires_at: int  # Unix milliseconds


class Hosted(Struct, frozen=True):
    """The MTA-STS policy of one of our domains."""

    domain: str
    mode: str
    max_age: int  # seconds


class Counted(Struct, frozen=True):
    """Outgoing sessions of one day that went alike.

    Attributes:
        day: Unix days.
        domain: Where they went.
        policy: The policy that applied, as JSON of the report.
        result: Why they failed; empty when they were as promised.
        host: The receiving host of a failure.
        address: Its address.
        reason: What else is known of a failure.
        sessions: How many.
    """

    day: int
    domain: str
    policy: str
    result: str
    host: str
    address: str
    reason: str
    sessions: int


class Received(Struct, frozen=True):
    """A report that another sender made about a domain of ours."""

    domain: str
    organization: str
    report_id: str
    received_at: int
    good: int
    bad: int
    report: bytes  # JSON in gzip


# Policies of other domains


async def policy(tx: Transaction, domain: str) -> StoredPolicy | None:
    """What is remembered of a domain's MTA-STS, even when its time is over."""
    row = await tx.row(
        "SELECT policy_id, policy, expires_at FROM sts_policy WHERE domain = $1", domain
    )
    return None if row is None else StoredPolicy(*row)


async def keep_policy(tx: Transaction, domain: str, fresh: StoredPolicy) -> None:
    """Remember a policy in place of the one before."""
    await tx.run(
        "INSERT INTO sts_policy (domain, policy_id, policy, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id,"
        " policy = excluded.policy, expires_at = excluded.expires_at",
        domain, fresh.policy_id, fresh.policy, fresh.expires_at,
    )  # fmt: skip


async def forget_policies(tx: Transaction, now: int) -> int:
    """Remove those whose time is over; how many."""
    return await tx.run("DELETE FROM sts_policy WHERE expires_at <= $1", now)


# Policies of ours


async def host_policy(tx: Transaction, domain_id: int, mode: str, max_age: int) -> None:
    """Host a policy for a domain of ours, or another one than before."""
    await tx.run(
        "INSERT INTO sts_hosted (domain_id, mode, max_age) VALUES ($1, $2, $3)"
        " ON CONFLICT (domain_id) DO UPDATE SET mode = excluded.mode, max_age = excluded.max_age",
        domain_id, mode, max_age,
    )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)
    tx.announce(Topic.CERTIFICATES, 0)  # its host wants one


async def unhost_policy(tx: Transaction, domain_id: int) -> bool:
    """Host none for a domain any more; whether there was one."""
    gone = await tx.run("DELETE FROM sts_hosted WHERE domain_id = $1", domain_id)
    tx.announce(Topic.DIRECTORY, 0)
    return gone > 0


async def hosted(tx: Transaction) -> list[Hosted]:
    """All policies hosted here, by domain."""
    rows = await tx.rows(
        "SELECT d.name, h.mode, h.max_age FROM sts_hosted h JOIN domain d ON d.id = h.domain_id"
        " ORDER BY d.name"
    )
    return [Hosted(*row) for row in rows]


async def hosted_policy(tx: Transaction, domain: str) -> Hosted | None:
    """The policy hosted for one domain."""
    row = await tx.row(
        "SELECT d.name, h.mode, h.max_age FROM sts_hosted h JOIN domain d ON d.id = h.domain_id"
        " WHERE d.name = $1",
        domain,
    )
    return None if row is None else Hosted(*row)


# Sessions


async def count(tx: Transaction, sessions: Iterable[Counted]) -> None:
    """Add sessions to those counted before; of differing reasons the first is kept."""
    await tx.run_many(
        "INSERT INTO tls_session (day, domain, policy, result, host, address, reason, sessions)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (day, domain, policy, result, host, address)"
        " DO UPDATE SET sessions = tls_session.sessions + excluded.sessions",
        [
            (one.day, one.domain, one.policy, one.result, one.host, one.address, one.reason,
             one.sessions)
            for one in sessions
        ],
    )  # fmt: skip


async def unreported(tx: Transaction, before_day: int, limit: int = 1000) -> list[tuple[int, str]]:
    """Days before this one, and domains, whose sessions are not reported yet; oldest first."""
    rows = await tx.rows(
        "SELECT DISTINCT day, domain FROM tls_session WHERE day < $1 ORDER BY day, domain LIMIT $2",
        before_day, limit,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def counted(tx: Transaction, day: int, domain: str) -> list[Counted]:
    """The sessions to one domain on one day."""
    rows = await tx.rows(
        "SELECT day, domain, policy, result, host, address, reason, sessions FROM tls_session"
        " WHERE day = $1 AND domain = $2 ORDER BY policy, result, host, address",
        day, domain,
    )  # fmt: skip
    return [Counted(*row) for row in rows]


async def forget_sessions(tx: Transaction, day: int, domain: str) -> int:
    """The sessions of a day to a domain are reported, or nobody asks for them."""
    return await tx.run("DELETE FROM tls_session WHERE day = $1 AND domain = $2", day, domain)


async def forget_days(tx: Transaction, before_day: int) -> int:
    """Remove all sessions of days before this one; how many rows."""
    return await tx.run("DELETE FROM tls_session WHERE day < $1", before_day)


# Reports about us


async def keep_report(tx: Transaction, one: Received) -> bool:
    """Keep a report; False when it had come before."""
    row = await tx.row(
        "INSERT INTO tls_report (domain, organization, report_id, received_at, good, bad, report)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
        one.domain, one.organization, one.report_id, one.received_at, one.good, one.bad, one.report,
    )  # fmt: skip
    return row is not None


async def reports(tx: Transaction, domains: Sequence[str] = (), limit: int = 50) -> list[Received]:
    """The latest reports, about some domains or all, newest first."""
    wanted = ", ".join(f"${n}" for n in range(2, 2 + len(domains)))
    where = f" WHERE domain IN ({wanted})" if domains else ""
    rows = await tx.rows(
        "SELECT domain, organization, report_id, received_at, good, bad, report FROM tls_report"
        f"{where} ORDER BY received_at DESC, id DESC LIMIT $1",
        limit, *domains,
    )  # fmt: skip
    return [Received(*row) for row in rows]


async def forget_reports(tx: Transaction, before: int) -> int:
    """Remove reports that came before this time; how many."""
    return await tx.run("DELETE FROM tls_report WHERE received_at < $1", before)
