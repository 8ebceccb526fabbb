"""Foo/query and Foo/queryChanges (RFC 8620 5.5, 5.6) of any data type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from merpati.servers.jmap.call import COLLATIONS, Call, Method
from merpati.servers.jmap.kind import CANNOT, CHANGES_MAX, Answer, Kind
from merpati.wire.jmap.faults import MethodFault, invalid
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_bool,
    is_id,
    is_int,
    is_object,
    is_reference,
    is_text,
    is_unsigned,
    list_of,
    needed,
    nullable,
)

FILTER_DEPTH: Final = 16
FILTER_CONDITIONS: Final = 500
LOOKED_UP: Final = 50  # ids that are looked for one by one in a result
QUERY_LIMIT: Final = 10_000  # ids of one /query

QUERY_ARGUMENTS: Final = {
    "accountId": needed(is_id),
    "filter": Argument(nullable(is_object)),
    "sort": Argument(nullable(list_of(is_object))),
    "position": Argument(is_int, 0),
    "anchor": Argument(nullable(is_reference)),
    "anchorOffset": Argument(is_int, 0),
    "limit": Argument(nullable(is_int)),
    "calculateTotal": Argument(is_bool, default=False),
}
_COMPARATOR: Final = {"property": is_text, "isAscending": is_bool, "collation": is_text}


def query(kind: Kind) -> Method:
    """Foo/query (RFC 8620 5.5)."""
    table = {**QUERY_ARGUMENTS, **kind.query_arguments}

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], kind.capability)
        await kind.refresh(call, access)
        limit = arguments["limit"]
        if limit is not None and limit < 0:
            raise invalid("limit is not negative", "limit")
        check_filter(kind, arguments["filter"], call.using)
        sort = check_sort(kind, arguments["sort"])
        found = await kind.query(call, access, arguments["filter"], sort, arguments)
        start = _start(call, found.ids, arguments)
        most = QUERY_LIMIT if limit is None else min(limit, QUERY_LIMIT)
        answer = {
            "accountId": arguments["accountId"],
            "queryState": found.state,
            "canCalculateChanges": found.can_calculate_changes,
            "position": start,
            "ids": found.ids[start : start + most],
        }
        if arguments["calculateTotal"]:
            answer["total"] = len(found.ids)
        if most == QUERY_LIMIT != limit:
            answer["limit"] = QUERY_LIMIT
        return [(f"{kind.name}/query", answer)]

    return Method(kind.capability, run)


def _start(call: Call, ids: Sequence[str], arguments: Mapping[str, Any]) -> int:
    anchor = arguments["anchor"]
    if anchor is None:
        position: int = arguments["position"]
        return max(0, len(ids) + position) if position < 0 else min(position, len(ids))
    try:
        at = ids.index(call.real(anchor) or anchor)
    except ValueError:
        raise MethodFault("anchorNotFound") from None
    offset: int = arguments["anchorOffset"]
    return min(max(0, at + offset), len(ids))


def _places(ids: Sequence[str], wanted: set[str]) -> list[dict[str, Any]]:
    """Where those of these ids stand that are in a result, by place."""
    if len(wanted) > LOOKED_UP:
        return [{"id": id_, "index": n} for n, id_ in enumerate(ids) if id_ in wanted]
    found = []
    for id_ in wanted:
        with suppress(ValueError):
            found.append((ids.index(id_), id_))
    return [{"id": id_, "index": n} for n, id_ in sorted(found)]


def check_filter(kind: Kind, filter_: Any, using: frozenset[str]) -> None:
    """The shape of a filter (RFC 8620 5.5).

    Raises:
        MethodFault: unsupportedFilter, invalidArguments.
    """
    known = dict(kind.conditions)
    for capability, more in kind.conditions_with.items():
        if capability in using:
            known |= more
    count = 0
    waiting = [(filter_, 0)] if filter_ is not None else []
    while waiting:
        one, depth = waiting.pop()
        count += 1
        if depth > FILTER_DEPTH or count > FILTER_CONDITIONS:
            raise MethodFault("unsupportedFilter", "the filter is too complex")
        if not isinstance(one, dict):
            raise invalid("a filter is an object", "filter")
        if "operator" in one:
            conditions = one.get("conditions")
            if (
                one["operator"] not in ("AND", "OR", "NOT")
                or not isinstance(conditions, list)
                or len(one) != len(("operator", "conditions"))
            ):
                raise invalid("an operator is AND, OR or NOT of a list of conditions", "filter")
            waiting += [(inner, depth + 1) for inner in conditions]
            continue
        for name, value in one.items():
            check = known.get(name)
            if check is None:
                raise MethodFault("unsupportedFilter", f"there is no condition {name[:100]!r}")
            if not check(value):
                raise invalid(f"the condition {name} has a value of the wrong type", "filter")


def check_sort(kind: Kind, sort: Any) -> list[dict[str, Any]]:
    """The comparators of a query. Raises MethodFault unsupportedSort, invalidArguments."""
    found = []
    for one in sort or ():
        name = one.get("property")
        if not isinstance(name, str):
            raise invalid("a comparator names a property", "sort")
        if name not in kind.sorts:
            raise MethodFault("unsupportedSort", f"{kind.name} is not sorted by {name[:100]!r}")
        if any(key in one and not check(one[key]) for key, check in _COMPARATOR.items()):
            raise invalid("a comparator has a value of the wrong type", "sort")
        if one.get("collation", COLLATIONS[0]) not in COLLATIONS:
            raise MethodFault(
                "unsupportedSort", f"there is no collation {one['collation'][:100]!r}"
            )
        found.append({"isAscending": True, **one})
    return found


QUERY_CHANGES_ARGUMENTS: Final = {
    "accountId": needed(is_id),
    "filter": Argument(nullable(is_object)),
    "sort": Argument(nullable(list_of(is_object))),
    "sinceQueryState": needed(is_text),
    "maxChanges": Argument(nullable(is_unsigned)),
    "upToId": Argument(nullable(is_reference)),
    "calculateTotal": Argument(is_bool, default=False),
}


def query_changes(kind: Kind) -> Method:
    """Foo/queryChanges (RFC 8620 5.6), from /changes and the query as it is now.

    Every object that changed may have been in the old result, so it is told as removed;
    every one of them that is in the new result, as added at its place. A type in whose results
    more than what changed is displaced says so (`Kind.displaced`), and one that cannot say it,
    by `Found.can_calculate_changes`.
    """
    table = {**QUERY_CHANGES_ARGUMENTS, **kind.query_arguments}

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], kind.capability)
        await kind.refresh(call, access)
        check_filter(kind, arguments["filter"], call.using)
        sort = check_sort(kind, arguments["sort"])
        since = arguments["sinceQueryState"]
        found = await kind.query(call, access, arguments["filter"], sort, arguments)
        if not found.can_calculate_changes:
            raise MethodFault(CANNOT)
        happened = await kind.changes(call, access, since, CHANGES_MAX)
        if happened.has_more or happened.new_state != found.state:
            raise MethodFault(CANNOT)
        asked = (arguments["filter"], sort, arguments)
        displaced = await kind.displaced(call, access, since, happened, *asked)
        added = _places(found.ids, displaced.placed)
        removed = displaced.removed
        if displaced.up_to and arguments["upToId"] is not None:
            with suppress(ValueError):
                last = found.ids.index(call.real(arguments["upToId"]) or "")
                added = [one for one in added if one["index"] <= last]
        limit = arguments["maxChanges"]
        if limit is not None and len(added) + len(removed) > limit:
            raise MethodFault("tooManyChanges")
        answer = {
            "accountId": arguments["accountId"],
            "oldQueryState": since,
            "newQueryState": found.state,
            "removed": removed,
            "added": added,
        }
        if arguments["calculateTotal"]:
            answer["total"] = len(found.ids)
        return [(f"{kind.name}/queryChanges", answer)]

    return Method(kind.capability, run)
