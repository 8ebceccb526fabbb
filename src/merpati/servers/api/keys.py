"""Operations on OpenPGP keys: the one that one publishes, and those of others."""

from __future__ import annotations

from msgspec import Struct

from merpati.base.faults import Fault, Kind
from merpati.servers.api.operation import Call, Operation, Who
from merpati.services.key_lookup import Found
from merpati.services.published_keys import publish
from merpati.store import published_keys
from merpati.store.published_keys import Published


class NewKey(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A public key: its octets, in base64."""

    key: bytes


async def show(call: Call) -> list[Published]:
    """By address."""
    return await call.store.read(published_keys.listing, call.user.id)


async def put(call: Call) -> list[Published]:
    """Raises Fault SYNTAX, DENIED."""
    new: NewKey = call.body
    return await call.store.write(publish, call.user.id, new.key, call.now)


async def withdraw(call: Call) -> None:
    """Raises Fault NOT_FOUND."""
    if not await call.store.write(published_keys.withdraw, call.user.id):
        raise Fault(Kind.NOT_FOUND, "you publish no key")


async def find(call: Call) -> Found:
    """Raises Fault NOT_FOUND, SYNTAX, UNAVAILABLE, TOO_MANY."""
    return await call.services.keys.find(call.path["address"])


OPERATIONS = (
    Operation(
        method="GET", path="/keys/{address}", name="findKey", topic="me", does=find, who=Who.USER,
        answer=Found,
        text="The OpenPGP key that an address publishes, here or in the directory of its domain"
        " (WKD).",
    ),
    Operation(
        method="GET", path="/me/keys", name="listKeys", topic="me", does=show, who=Who.USER,
        answer=list[Published], text="The OpenPGP keys that I publish, by address.",
    ),
    Operation(
        method="PUT", path="/me/keys", name="publishKey", topic="me", does=put, who=Who.USER,
        body=NewKey, answer=list[Published],
        text="Publish an OpenPGP key for those of its addresses that are mine (WKD).",
    ),
    Operation(
        method="DELETE", path="/me/keys", name="withdrawKey", topic="me", does=withdraw,
        who=Who.USER, text="Publish no OpenPGP key any more.",
    ),
)  # fmt: skip
