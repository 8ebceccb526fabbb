"""What a data type is: the port that the standard methods use (RFC 8620 5).

A data type is a `Kind`: its properties, and how to read, list, compare and change its
objects. What a type leaves out is not offered. `reading` and `writing` and `querying` make
the methods of it.
"""
# ruff: noqa: B027 -- what a data type need not do is empty here, and may stay so

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from merpati.servers.jmap import filters
from merpati.servers.jmap.call import Access, Call
from merpati.store.engine import Transaction
from merpati.wire.jmap.faults import MethodFault, SetFault, invalid, wrong
from merpati.wire.jmap.values import Argument, Check

REQUIRED: Final = object()
CANNOT: Final = "cannotCalculateChanges"
CHANGES_MAX: Final = 10_000  # ids of one /changes

Answer = list[tuple[str, dict[str, Any]]]


class Property(NamedTuple):
    """A property of an object.

    Attributes:
        check: its type.
        default: of a new object; REQUIRED when it must be given.
        server_set: clients cannot give it.
        immutable: it stays as it was made.
        capability: that a request must name to see it; empty: any does.
    """

    check: Check
    default: Any = REQUIRED
    server_set: bool = False
    immutable: bool = False
    capability: str = ""


def server_set(check: Check = lambda _: True, capability: str = "") -> Property:
    """A property that the server alone gives."""
    return Property(check, None, server_set=True, immutable=True, capability=capability)


class Got(NamedTuple):
    """Objects as of one state. Those not found are what is missing."""

    state: str
    objects: list[dict[str, Any]]


class Changes(NamedTuple):
    """What /changes tells; `more` are members that the type adds."""

    new_state: str
    created: Sequence[str] = ()
    updated: Sequence[str] = ()
    destroyed: Sequence[str] = ()
    has_more: bool = False
    more: Mapping[str, Any] = {}


class Displaced(NamedTuple):
    """What may stand elsewhere in the results of a query than it did, or not at all.

    Attributes:
        removed: what may have been in the old result.
        placed: what may be in the new one.
        up_to: whether all else stands where it stood, so that what a client has not come to
            need not be told (`upToId`).
    """

    removed: Sequence[str]
    placed: set[str]
    up_to: bool = False


class Found(NamedTuple):
    """The whole result of a query, in order, as of one state."""

    state: str
    ids: Sequence[str]
    can_calculate_changes: bool = False


class Update(NamedTuple):
    """What a /set changes of one object.

    Attributes:
        id: the object.
        old: it as `Kind.current` gave it.
        new: the same with the patch applied.
    """

    id: str
    old: dict[str, Any]
    new: dict[str, Any]


class Outcome:
    """What one /set has done so far.

    Attributes:
        created: what the server gave new objects, by their creation ids.
        updated: what else changed with each object, by their ids.
        destroyed: ids.
        refused: why other objects were left alone, by what the client calls them.
    """

    def __init__(self) -> None:
        self.created: dict[str, dict[str, Any]] = {}
        self.updated: dict[str, dict[str, Any] | None] = {}
        self.destroyed: list[str] = []
        self.refused: dict[str, dict[str, dict[str, Any]]] = {
            "notCreated": {}, "notUpdated": {}, "notDestroyed": {},
        }  # fmt: skip
        self.old_state = ""
        self.new_state = ""


class Kind(ABC):
    """A data type. A subclass says what its objects are; what it leaves out is not offered."""

    name: ClassVar[str]
    capability: ClassVar[str]
    properties: ClassVar[Mapping[str, Property]]
    get_defaults: ClassVar[frozenset[str] | None] = None  # None: all properties
    get_arguments: ClassVar[Mapping[str, Argument]] = {}
    set_arguments: ClassVar[Mapping[str, Argument]] = {}
    query_arguments: ClassVar[Mapping[str, Argument]] = {}
    conditions: ClassVar[Mapping[str, Check]] = {}
    conditions_with: ClassVar[Mapping[str, Mapping[str, Check]]] = {}  # more, by capability
    sorts: ClassVar[frozenset[str]] = frozenset()
    tells_defaults: ClassVar[bool] = True  # /set tells of what a client left out
    lasting: ClassVar[frozenset[str]] = frozenset()  # conditions and sorts by what never changes
    is_singleton: ClassVar[bool] = False

    def offered(self, using: frozenset[str]) -> frozenset[str]:
        """The properties that there are for a request (RFC 8620 1.8)."""
        return frozenset([
            name for name, one in self.properties.items()
            if not one.capability or one.capability in using
        ])  # fmt: skip

    def check_properties(self, names: Iterable[str], using: frozenset[str]) -> None:
        """Raise MethodFault when one of the properties asked for does not exist."""
        there = self.offered(using)
        unknown = [name for name in names if name not in there]
        if unknown:
            raise invalid(f"{self.name} has no property {unknown[0][:100]!r}", "properties")

    def check_offered(self, names: Iterable[str], using: frozenset[str]) -> None:
        """Raise SetFault for properties whose capability the request does not use."""
        hidden = self.properties.keys() - self.offered(using)
        if unknown := [name for name in names if name in hidden]:
            raise wrong(f"there is no property {unknown[0]!r}", *unknown)

    def is_only_got(self, name: str) -> bool:
        """Whether `get` alone tells a property, and `current` does not; none can change it."""
        return False

    async def refresh(self, call: Call, access: Access) -> None:
        """Write what has come to be by itself, before a method of the type looks."""

    @abstractmethod
    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """The objects with these ids, in any order, or all of them."""

    @abstractmethod
    async def state(self, tx: Transaction, access: Access) -> str:
        """The state of all objects of the type in an account."""

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """What has changed since a state. Raises MethodFault cannotCalculateChanges."""
        raise MethodFault(CANNOT)

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """All ids that match, sorted. The filter and the sort have been checked for shape."""
        raise MethodFault("unknownMethod")

    async def displaced(
        self,
        call: Call,
        access: Access,
        since: str,
        happened: Changes,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Displaced:
        """What /queryChanges tells of, after `happened` since a state.

        Raises:
            MethodFault: cannotCalculateChanges.
        """
        names = filters.conditions(filter_) | {one["property"] for one in sort}
        if access.is_own and names <= self.lasting:
            return Displaced(happened.destroyed, set(happened.created), up_to=True)
        return Displaced(
            [*happened.updated, *happened.destroyed], {*happened.created, *happened.updated}
        )

    # For `set_`, outside of its transaction.

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Any:
        """What `create` is to make an object of: with all that need not be in a transaction.

        Raises:
            SetFault: it cannot be made.
        """
        self.check_offered(given, call.using)
        return new_object(self.properties, given)

    async def settle(self, call: Call, prepared: Iterable[Any], *, undone: bool) -> None:
        """The transaction is over, and has not happened if it is `undone`."""

    async def last(
        self,
        tx: Transaction,
        call: Call,
        access: Access,
        arguments: Mapping[str, Any],
        outcome: Outcome,
    ) -> None:
        """The end of the transaction of a /set."""

    # For `set_`: each acts in one transaction, and raises SetFault before it has written.

    async def create(self, tx: Transaction, call: Call, access: Access, new: Any) -> dict[str, Any]:
        """Make an object; its id and what else the server gave it."""
        raise SetFault("singleton" if self.is_singleton else "forbidden")

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """An object as it is, for its patch to be applied; None when there is none."""
        raise SetFault("forbidden")

    def patch(self, call: Call, given: dict[str, Any]) -> dict[str, Any]:
        """A patch as it is to be applied, by the names that `current` has."""
        return given

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """Change an object; what else changed with it."""
        raise SetFault("forbidden")

    async def untangle(
        self, tx: Transaction, call: Call, access: Access, patches: Mapping[str, dict[str, Any]]
    ) -> Collection[str]:
        """Make room for updates each of which waits for another; those that can be done now."""
        return ()

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """Take an object away. Raises SetFault notFound."""
        raise SetFault("singleton" if self.is_singleton else "forbidden")

    def destroy_order(self, ids: Sequence[str]) -> Sequence[str]:
        """The order in which objects are destroyed, when one may hold another back."""
        return ids


def new_object(properties: Mapping[str, Property], given: dict[str, Any]) -> dict[str, Any]:
    """A new object with its defaults.

    Raises:
        SetFault: invalidProperties, naming all that are unknown, missing or wrong.
    """
    bad = [name for name in given if name not in properties or properties[name].server_set]
    new = {}
    for name, property_ in properties.items():
        if property_.server_set:
            continue
        if name not in given:
            if property_.default is REQUIRED:
                bad.append(name)
            new[name] = property_.default
        elif not property_.check(given[name]):
            bad.append(name)
        else:
            new[name] = given[name]
    if bad:
        raise wrong("these properties are unknown, missing or have a wrong value", *bad)
    return new
