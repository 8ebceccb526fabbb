"""Who may post to a mailing list: its rules, applied to a message.

The author counts as the person in From. An address of ours counts only when its owner is
signed in, and one elsewhere not when its domain disowns the message (DMARC): anybody can
write either.
"""

from __future__ import annotations

import mmap
from enum import Enum

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Arrival
from merpati.model.mailing_list import MailingList, Others, Posting, Role
from merpati.services.route import Router
from merpati.store import directory, lists
from merpati.store.engine import Store, Transaction
from merpati.wire import list_headers
from merpati.wire.list_headers import Facts
from merpati.wire.smtp.paths import parse_address


class Verdict(Enum):
    """What becomes of a post."""

    GO = "go"
    HOLD = "hold"
    REFUSE = "refuse"
    DROP = "drop"


class ListRules:
    """Judges posts."""

    def __init__(self, store: Store, router: Router, hostname: str) -> None:
        """`hostname` is the name under which this server writes Authentication-Results."""
        self._store = store
        self._router = router
        self._hostname = hostname.lower()

    async def check(self, arrival: Arrival, content: bytes | mmap.mmap) -> None:
        """Refuse a message while its sender still listens, when no recipient would get it.

        Args:
            arrival: Its envelope.
            content: The message, or its header, with our Authentication-Results.

        Raises:
            Fault: DENIED when every recipient is a list that refuses the post.
        """
        if not all(route.list_id for route in arrival.routes):
            return
        facts = list_headers.read(content)
        why = ""
        for route in arrival.routes:
            why = await self.refusal(
                route.list_id, arrival.origin.account_id, arrival.sender, facts
            )
            if not why:
                return
        if why:
            raise Fault(Kind.DENIED, why, "5.7.2")

    async def refusal(self, list_id: int, account_id: int, sender: str, facts: Facts) -> str:
        """Why a list does not take a post; empty: it does, or keeps it for an owner.

        Args:
            list_id: Of the route.
            account_id: Who is signed in; 0: nobody.
            sender: The return path; empty for the null path.
            facts: Of the message.
        """
        one = await self._store.read(lists.by_id, list_id)
        if one is None:
            return ""
        verdict, why = await self._store.read(self.judge, one, sender, account_id, facts)
        return why if verdict is Verdict.REFUSE else ""

    async def judge(
        self, tx: Transaction, one: MailingList, sender: str, account_id: int, facts: Facts
    ) -> tuple[Verdict, str]:
        """What becomes of a post, and why, in words (for `HOLD`: a key of the letters)."""
        if not sender or facts.replied:
            return Verdict.DROP, "a machine's answer is not given to a list"
        if one.address in facts.delivered_to or one.list_id in facts.list_ids:
            return Verdict.DROP, f"it has been through {one.address} before: a mail loop"
        names = await self._identities(tx, account_id, facts)
        names += await self._list_before(tx, one, sender)
        people = [found for each in names if (found := await lists.person(tx, one.id, each))]
        if any(found.is_owner for found in people):
            return Verdict.GO, ""
        allowed = one.posting is Posting.ANYONE or (
            one.posting is Posting.NAMED and any(found.may_post for found in people)
        )
        if not allowed and one.posting is Posting.MEMBERS:
            allowed = await lists.reaches(tx, one, names)
        if not allowed:
            if one.others is Others.REFUSE:
                return Verdict.REFUSE, f"only {_who(one)} may post to {one.address}"
            return Verdict.HOLD, "outsider"
        return (Verdict.HOLD, "moderated") if one.moderated else (Verdict.GO, "")

    async def _identities(self, tx: Transaction, account_id: int, facts: Facts) -> list[str]:
        if account_id:
            return await directory.addresses(tx, account_id)
        if facts.author is None:
            return []
        try:
            ours = not await self._router.destination(tx, facts.author.address)
        except Fault:
            return []
        return [] if ours or self._hostname in facts.disowned_at else [facts.address]

    async def _list_before(self, tx: Transaction, one: MailingList, sender: str) -> list[str]:
        """The list of ours that this one is a member of, when the post came from there.

        It counts as an author too, so that this list may let it post. The return path names
        the member by a token that only the two have seen.
        """
        try:
            leads = await self._router.leads(tx, parse_address(sender))
        except Fault:
            return []
        if leads.role is not Role.BOUNCES or not leads.token:
            return []
        before = await lists.by_id(tx, leads.list_id)
        found = await lists.by_token(tx, leads.token)
        if before is None or found is None or found[0] != before.id:
            return []
        return [before.address] if found[1].address == one.address else []


def _who(one: MailingList) -> str:
    return {
        Posting.MEMBERS: "members",
        Posting.OWNERS: "its owners",
        Posting.NAMED: "people named for it",
        Posting.ANYONE: "everybody",
    }[one.posting]
