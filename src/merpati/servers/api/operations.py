"""Every operation of the API. What is found first is asked first: fixed paths stand before `{}`."""

from __future__ import annotations

from typing import Final

from merpati.servers.api import (
    accounts,
    backups,
    configuration,
    correspondents,
    directory,
    groups,
    keys,
    mail,
    overview,
    personal,
    webhooks,
)
from merpati.servers.api.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *personal.OPERATIONS,
    *correspondents.OPERATIONS,
    *keys.OPERATIONS,
    *overview.OPERATIONS,
    *directory.OPERATIONS,
    *accounts.OPERATIONS,
    *groups.OPERATIONS,
    *backups.OPERATIONS,
    *configuration.OPERATIONS,
    *mail.OPERATIONS,
    *webhooks.OPERATIONS,
)
