"""Data types of which an account has few objects, each a row (identities, scripts, ...).

All of them are read at once, and a query looks at each. Those that the change log tells by
number need not say how they change.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from merpati.servers.jmap import filters, states
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.kind import CANNOT, Changes, Found, Got, Kind
from merpati.servers.jmap.states import Changed
from merpati.store import changes, object_changes
from merpati.wire.jmap.faults import MethodFault

if TYPE_CHECKING:
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")


class Rows(Kind):
    """Such a data type.

    Attributes:
        kinds: which rows of the log are about it; None: none are.
        letter: its ids are this and a number.
    """

    kinds: ClassVar[Kinds | None] = None
    letter: ClassVar[str] = ""

    @classmethod
    def id_of(cls, number: int) -> str:
        """The id of a row."""
        return f"{cls.letter}{number}"

    @classmethod
    def number_of(cls, id_: str) -> int:
        """The row of an id; 0, which is none, for what is no id of this type."""
        number = id_[len(cls.letter) :]
        return int(number) if id_.startswith(cls.letter) and _NUMBER.fullmatch(number) else 0

    @abstractmethod
    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """All objects with all their properties; others than `ids` may be left out."""

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """Whether an object meets a condition."""
        return bool(one[name] == value)

    def sorted_by(self, one: Mapping[str, Any], name: str) -> Any:
        """What an object is sorted by, for a property of a comparator."""
        return one[name]

    def state_of(self, modseq: int, found: Sequence[Mapping[str, Any]]) -> str:
        """The state of all objects, as of a modseq of their account."""
        return str(modseq)

    async def _look(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None
    ) -> tuple[str, list[dict[str, Any]]]:
        found = await self.every(tx, access, ids)
        return self.state_of(await changes.current(tx, access.account_id), found), found

    async def state(self, tx: Transaction, access: Access) -> str:
        """As `state_of`: the account's modseq."""
        return (await self._look(tx, access, None))[0]

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8620 5.1."""
        state, found = await call.services.store.read(self._look, access, ids)
        told = [
            {name: one[name] for name in one if name in properties}
            for one in found
            if ids is None or one["id"] in ids
        ]
        return Got(state, told)

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 8620 5.2."""
        if self.kinds is None:
            raise MethodFault(CANNOT)
        state = states.parse(since)
        found, current = await call.services.store.read(
            object_changes.since, access.account_id, state.modseq, self.kinds
        )
        changed = [Changed(one.modseq, one.id, one.id, one.is_gone) for one in found]
        return states.page(changed, state, current, limit, self.id_of)

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """RFC 8620 5.5."""
        state, every = await call.services.store.read(self._look, access, None)
        found = [one for one in every if filters.matches(one, filter_, self.meets)]
        for comparator in reversed(sort):
            name = comparator["property"]
            found.sort(
                key=lambda one, name=name: self.sorted_by(one, name),  # type: ignore[misc]
                reverse=not comparator["isAscending"],
            )
        return Found(state, [one["id"] for one in found], can_calculate_changes=True)

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """An object as it is."""
        found = await self.every(tx, access, [id_])
        return next((one for one in found if one["id"] == id_), None)
