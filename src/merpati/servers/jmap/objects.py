"""/changes of scripts, identities and submissions, which the change log tells by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from merpati.servers.jmap import states
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.kind import Changes
from merpati.servers.jmap.states import Changed, Fate, State
from merpati.store import object_changes
from merpati.store.object_changes import Kinds, ObjectChange


async def changes(
    call: Call, access: Access, kinds: Kinds, since: State, limit: int, name: Callable[[int], str]
) -> Changes:
    """What has changed since a state. Raises MethodFault cannotCalculateChanges."""
    found, current = await call.services.store.read(
        object_changes.since, access.account_id, since.modseq, kinds
    )
    changed = [Changed(one.modseq, one.id, _fate(one)) for one in found]
    return states.page(changed, since, current, limit, name)


def _fate(one: ObjectChange) -> Fate:
    if one.is_gone:
        return Fate.DESTROYED
    return Fate.CREATED if one.is_new else Fate.UPDATED


def matches(
    one: Mapping[str, Any], filter_: Any, meets: Callable[[Mapping[str, Any], str, Any], bool]
) -> bool:
    """Whether an object meets a filter whose shape has been checked.

    Args:
        one: The object.
        filter_: Of RFC 8620 5.5; its depth is bounded (`querying.FILTER_DEPTH`).
        meets: Whether it meets one condition, by its name and value.
    """
    if not filter_:
        return True
    if "operator" in filter_:
        results = (matches(one, inner, meets) for inner in filter_["conditions"])
        if filter_["operator"] == "AND":
            return all(results)
        wanted: bool = filter_["operator"] == "OR"
        return any(results) is wanted
    return all(meets(one, name, value) for name, value in filter_.items())
