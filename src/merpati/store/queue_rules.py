"""Hold rules: what the administrator wants new mail to be held for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from merpati.model.queue import Rule
from merpati.store.engine import Transaction

RULES_MAX: Final = 200  # each is looked at for every message that is queued

COLUMNS: Final = "id, sender, recipient, destination, reason, created_at"


async def rules(tx: Transaction) -> list[Rule]:
    """All of them, the oldest first."""
    rows = await tx.rows(f"SELECT {COLUMNS} FROM queue_rule ORDER BY id LIMIT $1", RULES_MAX)
    return [Rule(*row) for row in rows]


async def add_rule(
    tx: Transaction, *, sender: str, recipient: str, destination: str, reason: str, now: int
) -> int:
    """Hold new mail that fits these patterns from now on; the rule's id."""
    number: int = await tx.value(
        "INSERT INTO queue_rule (sender, recipient, destination, reason, created_at)"
        " VALUES ($1, $2, $3, $4, $5) RETURNING id",
        sender.lower(), recipient.lower(), destination.lower(), reason, now,
    )  # fmt: skip
    return number


async def remove_rule(tx: Transaction, rule_id: int) -> bool:
    """Forget a rule; what it holds stays held. Whether it was there."""
    return bool(await tx.run("DELETE FROM queue_rule WHERE id = $1", rule_id))


def fits(rule: Rule, sender: str, recipient: str, destination: str) -> bool:
    """Whether a rule holds mail from a sender to a recipient by a destination.

    `<>` is the null path.
    """
    return (
        _fits(rule.sender, sender or "<>")
        and _fits(rule.recipient, recipient)
        and _fits(rule.destination, destination)
    )


def _fits(pattern: str, text: str) -> bool:
    # fnmatch gives brackets and question marks a meaning that addresses do not
    plain = pattern.replace("[", "[[]").replace("?", "[?]")
    return not pattern or fnmatchcase(text.lower(), plain)
