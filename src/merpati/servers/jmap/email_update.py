"""Email/set (RFC 8621 4.6) of clients that send whole emails back.

Only keywords, mailboxes and reminders of an email can change, but what is sent back as it was is
no change (RFC 8620 5.3). What of an email its row does not tell is looked up here, before the
transaction, for the few clients that do so.
"""

from __future__ import annotations

from typing import Any

from merpati.servers.jmap import email, reminders, writing
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.kind import Answer
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import check_arguments


def set_(kind: Email) -> Method:
    """Email/set."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments, access = writing.check_set(call, given, kind)
        for reference, given_patch in arguments["update"].items():
            patch = arguments["update"][reference] = _in_lower_case(given_patch)
            fixed = [name for name in patch if _is_fixed(name)]
            if fixed:
                same = await _unchanged(kind, call, access, reference, patch, fixed)
                kept = {name: value for name, value in patch.items() if name not in same}
                arguments["update"][reference] = kept
        return await writing.carry_out(kind, call, access, arguments)

    return Method(kind.capability, run)


def _in_lower_case(patch: dict[str, Any]) -> dict[str, Any]:
    """A patch whose keywords are as they are stored: their case says nothing (RFC 8621 4.1.1)."""
    return {
        name.lower() if name.startswith("keywords/") else name: value
        for name, value in patch.items()
    }


def _is_fixed(name: str) -> bool:
    """Whether a property never changes, and is not told by the row."""
    return name.partition("/")[0] not in (*email.METADATA, *reminders.PROPERTIES)


async def _unchanged(
    kind: Email, call: Call, access: Access, reference: str, patch: dict[str, Any], names: list[str]
) -> frozenset[str]:
    """Those of some properties that are sent back as they are."""
    try:
        kind.check_properties(names, call.using)
    except MethodFault:
        return frozenset()
    id_ = call.real(reference) or ""
    arguments = check_arguments({}, email.BODY_ARGUMENTS)
    got = await kind.get(call, access, [id_], frozenset(names), arguments)
    if not got.objects:
        return frozenset()
    return frozenset(name for name in names if got.objects[0].get(name) == patch[name])
