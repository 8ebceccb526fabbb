"""What was removed, and putting it back (`urn:merpati:jmap:restore`). No RFC has it.

Removed/get tells what can be restored, and the moment at which it was asked: whoever removes
something afterwards undoes exactly that with Removed/restore since that moment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from merpati.model import object_ids
from merpati.servers.jmap.call import Call, Method
from merpati.servers.jmap.kind import Answer
from merpati.services.restore import Restore
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import Argument, check_arguments, is_id, needed, nullable, utc_date

CAPABILITY: Final = "urn:merpati:jmap:restore"
_MOMENT: Final = re.compile(r"[0-9]{1,15}")  # Unix milliseconds, which clients need not know


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _MOMENT.fullmatch(value) is not None


_SINCE: Final = Argument(nullable(_is_moment))
_GET: Final[Mapping[str, Argument]] = {"accountId": needed(is_id), "since": _SINCE}
_RESTORE: Final[Mapping[str, Argument]] = {**_GET, "mailboxId": needed(is_id)}


def get() -> Method:
    """Removed/get: by mailbox, those that were deleted among them."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, _GET)
        access = call.access(arguments["accountId"], CAPABILITY)
        moment = call.now()
        found = await _service(call).summary(access.account_id, since=int(arguments["since"] or 0))
        objects = [
            {
                "mailboxId": object_ids.mailbox(one.mailbox_id),
                "path": one.path,
                "isDeleted": one.gone,
                "totalEmails": one.emails,
                "size": one.size,
                "lastRemoved": utc_date(one.latest),
            }
            for one in found
        ]
        told = {"accountId": arguments["accountId"], "moment": str(moment), "list": objects}
        return [("Removed/get", told)]

    return Method(CAPABILITY, run)


def restore() -> Method:
    """Removed/restore: some hundred emails of a mailbox, which is made again if it is gone.

    They are new emails there. With `hasMore`, the client asks again.
    """

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, _RESTORE)
        access = call.access(arguments["accountId"], CAPABILITY, write=True)
        mailbox = object_ids.read_mailbox(call.real(arguments["mailboxId"]) or "") or 0
        done = await _service(call).step(access.account_id, mailbox, int(arguments["since"] or 0))
        if done.mailbox_id == 0:
            raise MethodFault("notFound", "nothing of this mailbox can be restored")
        told = {
            "accountId": arguments["accountId"],
            "mailboxId": object_ids.mailbox(done.mailbox_id),
            "restored": done.emails,
            "hasMore": done.more,
        }
        return [("Removed/restore", told)]

    return Method(CAPABILITY, run)


def _service(call: Call) -> Restore:
    return Restore(call.services.store, call.services.clock)
