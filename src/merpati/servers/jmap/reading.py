"""Foo/get and Foo/changes (RFC 8620 5.1, 5.2) of any data type."""

from __future__ import annotations

from typing import Any

from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.kind import CANNOT, CHANGES_MAX, Answer, Kind
from merpati.store import changes as change_log
from merpati.wire.jmap.faults import MethodFault, invalid
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_reference,
    is_text,
    is_unsigned,
    list_of,
    needed,
    nullable,
)


def get(kind: Kind) -> Method:
    """Foo/get (RFC 8620 5.1)."""
    table = {
        "accountId": needed(is_id),
        "ids": Argument(nullable(list_of(is_reference))),
        "properties": Argument(nullable(list_of(is_text))),
        **kind.get_arguments,
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], kind.capability)
        await kind.refresh(call, access)
        wanted = arguments["properties"]
        if wanted is None:
            defaults = kind.get_defaults
            properties = kind.offered(call.using) if defaults is None else defaults
        else:
            kind.check_properties(wanted, call.using)
            properties = frozenset(wanted)
        ids = arguments["ids"]
        if ids is not None:
            if len(ids) > call.settings.objects_in_get:
                raise MethodFault("requestTooLarge")
            ids = list(dict.fromkeys(call.real(one) or one for one in ids))
        got = await kind.get(call, access, ids, properties | {"id"}, arguments)
        if ids is None and len(got.objects) > call.settings.objects_in_get:
            raise MethodFault("requestTooLarge")
        by_id = {one["id"]: one for one in got.objects}
        answer = {
            "accountId": arguments["accountId"],
            "state": got.state,
            "list": got.objects if ids is None else [by_id[one] for one in ids if one in by_id],
            "notFound": [] if ids is None else [one for one in ids if one not in by_id],
        }
        return [(f"{kind.name}/get", answer)]

    return Method(kind.capability, run)


async def _check_known(call: Call, access: Access, since: str) -> None:
    """Refuse a state of a time that was lost: a backup older than it was restored since."""
    modseq = since.partition("-")[0].partition(".")[0]
    if modseq.isascii() and modseq.isdigit() and len(modseq) < 19:
        known = access.account_id, int(modseq)
        if await call.services.store.read(change_log.is_lost, *known):
            raise MethodFault(CANNOT, "what this state knows was lost; begin anew")


def changes(kind: Kind) -> Method:
    """Foo/changes (RFC 8620 5.2)."""
    table = {
        "accountId": needed(is_id),
        "sinceState": needed(is_text),
        "maxChanges": Argument(nullable(is_unsigned)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], kind.capability)
        await kind.refresh(call, access)
        limit = arguments["maxChanges"]
        if limit == 0:
            raise invalid("maxChanges is greater than 0", "maxChanges")
        limit = min(limit or CHANGES_MAX, CHANGES_MAX)
        since = arguments["sinceState"]
        await _check_known(call, access, since)
        found = await kind.changes(call, access, since, limit)
        answer = {
            "accountId": arguments["accountId"],
            "oldState": arguments["sinceState"],
            "newState": found.new_state,
            "hasMoreChanges": found.has_more,
            "created": found.created,
            "updated": found.updated,
            "destroyed": found.destroyed,
            **found.more,
        }
        return [(f"{kind.name}/changes", answer)]

    return Method(kind.capability, run)
