"""The session object (RFC 8620 2): who has signed in, what they may use, where and how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from merpati.model import object_ids
from merpati.model.account import Account
from merpati.servers.jmap.call import (
    COLLATIONS,
    CORE,
    OWNER,
    PRINCIPALS,
    SHAREABLE,
    Access,
    JmapSettings,
)
from merpati.wire.jmap import requests

API: Final = "/jmap/api"
UPLOAD: Final = "/jmap/upload/{accountId}"
DOWNLOAD: Final = "/jmap/download/{accountId}/{blobId}/{name}"
EVENTS: Final = "/jmap/eventsource"
WEBSOCKET: Final = "/jmap/ws"


def core(settings: JmapSettings) -> dict[str, Any]:
    """The limits (RFC 8620 2)."""
    return {
        "maxSizeUpload": settings.upload_size,
        "maxConcurrentUpload": settings.uploads,
        "maxSizeRequest": settings.request_size,
        "maxConcurrentRequests": settings.requests,
        "maxCallsInRequest": settings.calls,
        "maxObjectsInGet": settings.objects_in_get,
        "maxObjectsInSet": settings.objects_in_set,
        "collationAlgorithms": COLLATIONS,
    }


def websocket(base: str) -> dict[str, Any]:
    """Where the WebSocket is for who reached us at an address (RFC 8887 3)."""
    return {"url": f"ws{base.removeprefix('http')}{WEBSOCKET}", "supportsPush": True}


def session(
    base: str,
    user: Account,
    accounts: Mapping[str, tuple[Access, str]],
    server: Mapping[str, Mapping[str, Any]],
    each: Mapping[str, Mapping[str, Any]],
    settings: JmapSettings,
) -> dict[str, Any]:
    """The session object.

    Args:
        base: scheme and host that the client reached us by.
        user: who has signed in.
        accounts: with their names, by their JMAP ids.
        server: capabilities of the server, beside the core.
        each: the same capabilities of each account.
        settings: the limits.
    """
    told: dict[str, Any] = {
        "capabilities": {CORE: core(settings), **server},
        "accounts": {id_: account(access, name, each) for id_, (access, name) in accounts.items()},
        "primaryAccounts": dict.fromkeys(each, object_ids.account(user.id)),
        "username": user.address,
        "apiUrl": base + API,
        "downloadUrl": f"{base}{DOWNLOAD}?accept={{type}}",
        "uploadUrl": base + UPLOAD,
        "eventSourceUrl": f"{base}{EVENTS}?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
    }
    told["state"] = state(told)
    return told


def account(access: Access, name: str, each: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An account as the session object tells it; of others only what may be used there."""
    offered = {
        capability: value
        for capability, value in each.items()
        if access.is_own or capability in SHAREABLE
    }
    user = object_ids.account(access.user_id)
    owner = {"accountIdForPrincipal": user, "principalId": f"p{access.account_id}"}
    if access.is_own:
        offered[PRINCIPALS] = {"currentUserPrincipalId": f"p{access.user_id}"}
    return {
        "name": name,
        "isPersonal": access.is_own,
        "isReadOnly": access.read_only,
        "accountCapabilities": {CORE: {}, **offered, OWNER: owner},
    }


def state(told: Mapping[str, Any]) -> str:
    """What changes when anything in the session object does."""
    return f"{crc32(requests.encode(told)):08x}"
