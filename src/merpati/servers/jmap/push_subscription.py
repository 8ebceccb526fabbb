"""PushSubscription/get and /set (RFC 8620 7.2): they belong to a user, not to an account.

What is sent to them is the work of services/web_push.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from merpati.base.faults import Fault, SyntaxFault
from merpati.base.limits import RateLimit
from merpati.servers.jmap.call import CORE, Method
from merpati.services.web_push import subscription_id
from merpati.store import push
from merpati.wire import web_push
from merpati.wire.jmap import patches
from merpati.wire.jmap.faults import MethodFault, SetFault, invalid, set_fault, wrong
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_object,
    is_reference,
    is_text,
    is_utc_date,
    list_of,
    map_of,
    milliseconds,
    nullable,
    utc_date,
)

if TYPE_CHECKING:
    from merpati.servers.jmap.call import Call
    from merpati.servers.jmap.kind import Answer
    from merpati.store.engine import Transaction
    from merpati.store.push import Subscription

LIFE_MS: Final = 7 * 86_400_000  # the longest one; RFC 8620 7.2 asks for two days at least
TYPES_MAX: Final = 64
DEVICE_MAX: Final = 255  # characters
CREATIONS_PER_HOUR: Final = 60  # each sends a push to an address that the client chooses
CREATIONS_AT_ONCE: Final = 10
PROPERTIES: Final = ("id", "deviceClientId", "verificationCode", "expires", "types")
PRIVATE: Final = frozenset({"url", "keys"})  # never told (RFC 8620 7.2.1)
_ID: Final = re.compile(r"P([1-9a-f][0-9a-f]{0,15})")
_TYPE: Final = re.compile(r"[A-Za-z0-9:._-]{1,64}")

GET: Final = {
    "ids": Argument(nullable(list_of(is_id))),
    "properties": Argument(nullable(list_of(is_text))),
}
SET: Final = {
    "create": Argument(nullable(map_of(is_id, is_object)), {}),
    "update": Argument(nullable(map_of(is_reference, is_object)), {}),
    "destroy": Argument(nullable(list_of(is_reference)), ()),
}


class PushSubscriptions:
    """The methods, for one worker."""

    def __init__(self) -> None:
        self._rate: RateLimit | None = None

    def methods(self) -> dict[str, Method]:
        """By their names."""
        return {
            "PushSubscription/get": Method(CORE, self.get),
            "PushSubscription/set": Method(CORE, self.set),
        }

    async def get(self, call: Call, given: dict[str, Any]) -> Answer:
        """RFC 8620 7.2.1."""
        arguments = check_arguments(given, GET)
        names = arguments["properties"]
        names = list(PROPERTIES) if names is None else ["id", *names]
        if not PRIVATE.isdisjoint(names):
            raise MethodFault("forbidden", "url and keys are not told")
        if unknown := [name for name in names if name not in PROPERTIES]:
            raise invalid(f"there is no property {unknown[0][:100]!r}", "properties")
        there = {
            subscription_id(one.id): _object(one)
            for one in await call.services.store.read(_own, call, await call.credential())
        }
        ids = arguments["ids"]
        wanted = list(there) if ids is None else list(dict.fromkeys(ids))
        told = [{name: there[id_][name] for name in names} for id_ in wanted if id_ in there]
        missing = [id_ for id_ in wanted if id_ not in there]
        return [("PushSubscription/get", {"list": told, "notFound": missing})]

    async def set(self, call: Call, given: dict[str, Any]) -> Answer:
        """RFC 8620 7.2.2."""
        arguments = check_arguments(given, SET)
        count = sum(len(arguments[name]) for name in SET)
        if count > call.settings.objects_in_set:
            raise MethodFault("requestTooLarge")
        told: dict[str, Any] = {
            name: {} for name in ("created", "updated", "notCreated", "notUpdated", "notDestroyed")
        }
        told["destroyed"] = []
        credential = await call.credential()
        for creation_id, new in arguments["create"].items():
            try:
                made = await self._create(call, credential, creation_id, new)
                told["created"][creation_id] = made
            except Fault as fault:
                _refuse(told["notCreated"], creation_id, fault)
        for reference, patch in arguments["update"].items():
            try:
                id_ = call.real(reference) or ""
                told["updated"][id_] = await call.services.store.write(
                    _update, call, credential, id_, patch
                )
            except Fault as fault:
                _refuse(told["notUpdated"], reference, fault)
        for reference in arguments["destroy"]:
            id_ = call.real(reference) or ""
            if await call.services.store.write(_remove, call, credential, _number(id_)):
                told["destroyed"].append(id_)
            else:
                _refuse(told["notDestroyed"], reference, SetFault("notFound"))
        return [("PushSubscription/set", {name: value or None for name, value in told.items()})]

    async def _create(
        self, call: Call, credential: str, creation_id: str, new: Mapping[str, Any]
    ) -> dict[str, Any]:
        one = msgspec.structs.replace(_made(call, new), credential=credential)
        if self._rate is None:
            self._rate = RateLimit(
                CREATIONS_PER_HOUR / 3600, CREATIONS_AT_ONCE, call.services.clock
            )
        if not self._rate.take(str(call.user.id)):
            raise SetFault("rateLimit", "too many new push subscriptions; wait a while")
        await call.services.store.write(push.add, one)
        id_ = subscription_id(one.id)
        call.created[creation_id] = id_
        defaults = dict.fromkeys(("keys", "verificationCode", "types") - new.keys())
        return {"id": id_, **defaults, "expires": utc_date(one.expires_at)}


def _made(call: Call, new: Mapping[str, Any]) -> Subscription:
    """A new subscription of its properties. Raises SetFault."""
    known = {"deviceClientId", "url", "keys", "expires", "types", "verificationCode"}
    if new.get("verificationCode") is not None:
        raise wrong("the code is sent to the url", "verificationCode")
    if unknown := [name for name in new if name not in known]:
        raise wrong("these cannot be given", *unknown)
    device, url = new.get("deviceClientId"), new.get("url")
    if not isinstance(device, str) or not 0 < len(device) <= DEVICE_MAX:
        raise wrong("deviceClientId is a text", "deviceClientId")
    try:
        web_push.endpoint(url if isinstance(url, str) else "")
    except SyntaxFault as fault:
        raise wrong(fault.text, "url") from None
    public_key, secret = _keys(new.get("keys"))
    return push.Subscription(
        account_id=call.user.id,
        id=int.from_bytes(call.services.ids.bytes(8), "big") >> 1 | 1,
        device=device,
        url=str(url),
        public_key=public_key,
        secret=secret,
        types=_types(new.get("types")),
        code=call.services.ids.token(24),
        expires_at=_expires(call, new.get("expires")),
    )


def _keys(given: Any) -> tuple[bytes, bytes]:
    if given is None:
        return b"", b""
    if not isinstance(given, dict) or not all(
        isinstance(given.get(name), str) for name in ("p256dh", "auth")
    ):
        raise wrong("keys are p256dh and auth", "keys")
    try:
        public_key = web_push.decode_key(given["p256dh"], web_push.KEY_SIZE)
        web_push.check_point(public_key)
        return public_key, web_push.decode_key(given["auth"], web_push.SECRET_SIZE)
    except SyntaxFault as fault:
        raise wrong(fault.text, "keys") from None


def _types(given: Any) -> str:
    if given is None:
        return "*"
    if (
        not isinstance(given, list)
        or len(given) > TYPES_MAX
        or not all(isinstance(one, str) and _TYPE.fullmatch(one) for one in given)
    ):
        raise wrong("types is a list of names of data types", "types")
    return " ".join(dict.fromkeys(given))


def _expires(call: Call, given: Any) -> int:
    """As asked for, but neither for ever nor in the past."""
    most = call.now() + LIFE_MS
    if given is None:
        return most
    if not is_utc_date(given):
        raise wrong("expires is a UTCDate", "expires")
    wanted = milliseconds(given)
    if wanted <= call.now():
        raise wrong("expires is in the future", "expires")
    return min(wanted, most)


def _object(one: Subscription) -> dict[str, Any]:
    return {
        "id": subscription_id(one.id),
        "deviceClientId": one.device,
        "verificationCode": one.code if one.verified else None,
        "expires": utc_date(one.expires_at),
        "types": one.wanted,
    }


async def _own(tx: Transaction, call: Call, credential: str) -> list[Subscription]:
    """Those made with a credential: nobody sees those of another (RFC 8620 7.2)."""
    return [
        one for one in await push.of_account(tx, call.user.id)
        if one.credential == credential and one.expires_at > call.now()
    ]  # fmt: skip


async def _remove(tx: Transaction, call: Call, credential: str, number: int) -> bool:
    own = {one.id for one in await _own(tx, call, credential)}
    return number in own and await push.remove(tx, call.user.id, number)


async def _update(
    tx: Transaction, call: Call, credential: str, id_: str, patch: Mapping[str, Any]
) -> dict[str, Any] | None:
    there = {one.id: one for one in await _own(tx, call, credential)}
    one = there.get(_number(id_))
    if one is None:
        raise SetFault("notFound")
    old = _object(one)
    new = patches.apply(old, patch, {"types": None, "expires": None})
    fixed = [
        name for name in patches.touched(patch)
        if name not in old or (name in {"id", "deviceClientId"} and new[name] != old[name])
    ]  # fmt: skip
    if fixed:
        raise wrong("these cannot be changed", *fixed)
    verified = one.verified
    if new["verificationCode"] != old["verificationCode"]:
        if new["verificationCode"] != one.code:
            raise wrong("that is not the code that was sent", "verificationCode")
        verified = True
    expires = one.expires_at
    if "expires" in patches.touched(patch):
        expires = _expires(call, new["expires"])
    changed = msgspec.structs.replace(
        one, types=_types(new["types"]), expires_at=expires, verified=verified
    )
    await push.change(tx, changed)
    told = utc_date(expires)
    return {"expires": told} if new["expires"] not in {None, told} else None


def _number(id_: str) -> int:
    match = _ID.fullmatch(id_)
    found = int(match[1], 16) if match is not None else 0
    return found if found < 1 << 63 else 0


def _refuse(where: dict[str, Any], key: str, fault: Fault) -> None:
    known = set_fault(fault)
    if known is None:
        raise fault
    where[key] = known.error()
