"""A person changes the password of the account: checked, hashed, and all other sessions ended."""

from __future__ import annotations

import asyncio
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.base.log import Log
from merpati.model.account import Account
from merpati.services.login import PASSWORD_MAX, hash_password
from merpati.store import credentials
from merpati.store.engine import Store
from merpati.store.web_sessions import WebSession
from merpati.wire import sasl

LENGTH_MIN: Final = 10  # characters
VARIETY_MIN: Final = 4  # different characters
# The beginnings of most passwords of leaked lists that are as long as that.
COMMON: Final = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "qwertyuiop", "qwerty12345", "1q2w3e4r5t",
    "1234567890", "0123456789", "0987654321", "9876543210", "iloveyou", "letmein", "administrator",
    "welcome123", "changeme", "abcdefghij", "abc1234567", "princess", "football", "baseball",
    "sunshine", "katasandi", "rahasia", "bismillah", "indonesia", "sayangku", "akusayangkamu",
)  # fmt: skip


class OwnPassword:
    """Changes passwords for the people whose they are."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log

    async def change(self, account: Account, session: WebSession, new: str) -> None:
        """Give the account another password, which has been confirmed already.

        Raises:
            Fault: SYNTAX when the new one will not do; the text says why.
        """
        prepared = sasl.prepare_password(new)
        check(prepared, account)
        loop = asyncio.get_running_loop()
        hashed = await loop.run_in_executor(None, hash_password, prepared)
        await self._store.write(credentials.change_password, account.id, hashed, session.id)
        self._log.info("account.password-changed", account=account.address, peer=session.peer)


def check(password: str, account: Account) -> None:
    """Raise SyntaxFault for a password that somebody would guess."""
    lower = password.lower()
    if len(password) < LENGTH_MIN:
        raise SyntaxFault(f"a password has at least {LENGTH_MIN} characters")
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_MAX:
        raise SyntaxFault(f"a password has at most {PASSWORD_MAX} bytes")
    if len(set(lower)) < VARIETY_MIN or lower.startswith(COMMON):
        raise SyntaxFault("many people use this password; choose another one")
    if account.address in lower or lower.startswith(account.address.partition("@")[0] + "@"):
        raise SyntaxFault("the address is not a good password")
