"""Publishing one's OpenPGP key: for those addresses of it that are one's own, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati.base.faults import Fault, Kind
from merpati.store import directory, published_keys
from merpati.store.published_keys import Published
from merpati.wire import openpgp

if TYPE_CHECKING:
    from merpati.store.engine import Transaction


async def publish(tx: Transaction, account_id: int, data: bytes, now: int) -> list[Published]:
    """Publish a key, in place of all that were published before.

    Raises:
        Fault: SYNTAX when it is no public key, DENIED when no user id of it is an address
            of the account.
    """
    key = openpgp.parse(data)
    own = {address.lower() for address in await directory.addresses(tx, account_id)}
    named = [address for address in key.addresses if address in own]
    if not named:
        raise Fault(Kind.DENIED, "no user id of this key is an address of yours")
    await published_keys.withdraw(tx, account_id)
    for address in named:
        only = key.only(address).encode()
        await published_keys.publish(tx, account_id, address, only, key.fingerprint, now)
    return await published_keys.listing(tx, account_id)
