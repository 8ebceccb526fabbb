"""ShareNotification (RFC 9670 3): what others have shared, or share no longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from merpati.model import object_ids
from merpati.servers.jmap.call import PRINCIPALS, Access, Call
from merpati.servers.jmap.kind import Property, server_set
from merpati.servers.jmap.mailbox_view import rights_object
from merpati.servers.jmap.principal import principal_id
from merpati.servers.jmap.rows import Rows
from merpati.store import object_changes, share_notifications
from merpati.store.share_notifications import ShareNotification
from merpati.wire.jmap.faults import SetFault
from merpati.wire.jmap.values import (
    Check,
    is_id,
    is_text,
    is_utc_date,
    milliseconds,
    nullable,
    utc_date,
)

if TYPE_CHECKING:
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds


class ShareNotifications(Rows):
    """The data type. Who has read one destroys it."""

    name: ClassVar[str] = "ShareNotification"
    capability: ClassVar[str] = PRINCIPALS
    kinds: ClassVar[Kinds | None] = object_changes.NOTIFICATIONS
    letter: ClassVar[str] = "N"
    properties: ClassVar[Mapping[str, Property]] = dict.fromkeys(
        (
            "id", "created", "changedBy", "objectType", "objectAccountId", "objectId",
            "oldRights", "newRights", "name",
        ),
        server_set(),
    )  # fmt: skip
    conditions: ClassVar[Mapping[str, Check]] = {
        "after": nullable(is_utc_date),
        "before": nullable(is_utc_date),
        "objectType": is_text,
        "objectAccountId": is_id,
    }
    sorts: ClassVar[frozenset[str]] = frozenset({"created"})
    lasting: ClassVar[frozenset[str]] = frozenset({*conditions, *sorts})

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 9670 3.3."""
        return [_object(one) for one in await share_notifications.listing(tx, access.account_id)]

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """RFC 9670 3.6.1."""
        if name in ("after", "before"):
            if value is None:
                return True
            created = milliseconds(one["created"])
            limit = milliseconds(value)
            return created >= limit if name == "after" else created < limit
        return bool(one[name] == value)

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 9670 3.5."""
        if not await share_notifications.remove(tx, access.account_id, self.number_of(id_)):
            raise SetFault("notFound")


def _object(one: ShareNotification) -> dict[str, Any]:
    return {
        "id": ShareNotifications.id_of(one.id),
        "created": utc_date(one.created_at),
        "changedBy": {
            "name": one.name or one.address,
            "email": one.address,
            "principalId": principal_id(one.changed_by),
        },
        "objectType": "Mailbox",
        "objectAccountId": object_ids.account(one.owner_id),
        "objectId": object_ids.mailbox(one.mailbox_id),
        "oldRights": rights_object(one.old_rights) if one.old_rights else None,
        "newRights": rights_object(one.new_rights) if one.new_rights else None,
        "name": one.mailbox,
    }
