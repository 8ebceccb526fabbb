"""Tells people in time that their mailbox fills up: at 90 %, once until it is below 85 %.

Who administers a domain is told the same of what all its accounts may hold together.
"""

from __future__ import annotations

from typing import Final

from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.base.values import size_text
from merpati.model.administration import Right
from merpati.services.letters import Letters
from merpati.store import delegates, directory, quota
from merpati.store.engine import Store, Transaction
from merpati.store.quota import Usage
from merpati.wire import quota_letters
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.quota_letters import Messages, Storage

LOOK_EVERY: Final = 900.0  # seconds


class QuotaWarnings:
    """Looks now and then at all quotas; every worker may, for each letter is sent once."""

    def __init__(self, store: Store, letters: Letters, log: Log) -> None:
        self._store = store
        self._letters = letters
        self._log = log

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(LOOK_EVERY, self.turn, "quota warnings")

    async def turn(self) -> int:
        """Write about all that has become nearly full; of how many accounts and domains."""
        accounts = domains = 0
        for account_id in await self._store.scan(quota.crossed):
            accounts += await self._store.write(self._tell, account_id)
        for domain_id, name in await self._store.scan(quota.crossed_domains):
            domains += await self._store.write(self._tell_of_domain, domain_id, name)
        if accounts or domains:
            self._log.info("quota.warned", accounts=accounts, domains=domains)
        return accounts + domains

    async def _tell(self, tx: Transaction, account_id: int) -> bool:
        """The letter, and that it was written, in one transaction."""
        nearly = await quota.warn(tx, account_id)
        account = await directory.account_by_id(tx, account_id) if nearly else None
        if account is None:
            return False
        domain = account.address.rpartition("@")[2]
        administrators = await directory.administrators(tx, (await directory.domain(tx, domain)).id)
        usage = Usage(account.quota, account.quota_emails, account.used, account.emails)
        storage, messages = _nearly_used_up(usage)
        subject, text = quota_letters.write(
            account.language, account.address, next(iter(administrators), f"postmaster@{domain}"),
            storage=storage, messages=messages,
        )  # fmt: skip
        author = Mailbox("", "postmaster", domain)
        await self._letters.send(tx, author, [account.address], subject, text)
        return True

    async def _tell_of_domain(self, tx: Transaction, domain_id: int, domain: str) -> bool:
        """The same to each who administers the domain, in their language."""
        nearly = await quota.warn_domain(tx, domain_id)
        usage = await quota.of_domain(tx, domain_id) if nearly else None
        if usage is None:
            return False
        storage, messages = _nearly_used_up(usage)
        author = Mailbox("", "postmaster", domain)
        addresses = await directory.administrators(tx, domain_id)
        addresses += [
            one.address
            for one in await delegates.listing(tx)
            if one.domain == domain and Right.ACCOUNTS in one.rights
        ]
        for address in dict.fromkeys(addresses):
            account = await directory.account(tx, address)
            subject, text = quota_letters.write_of_domain(
                account.language, domain, storage=storage, messages=messages
            )
            await self._letters.send(tx, author, [address], subject, text)
        return True


def _nearly_used_up(usage: Usage) -> tuple[Storage | None, Messages | None]:
    """What the letter is about."""
    storage = messages = None
    if quota.is_nearly_full(usage.used, usage.quota):
        storage = size_text(usage.used), size_text(usage.quota)
    if quota.is_nearly_full(usage.emails, usage.quota_emails):
        messages = usage.emails, usage.quota_emails
    return storage, messages
