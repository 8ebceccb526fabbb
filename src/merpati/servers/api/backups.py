"""Operations on backups."""

from __future__ import annotations

from msgspec import Struct

from merpati.servers.api.operation import Call, Operation
from merpati.services.administration.accounts import note_restored
from merpati.services.backup.desk import BackedUpAccount, BackupView, BringBack, BroughtBack
from merpati.store import audit


class Named(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Of which snapshot; the latest when none is named."""

    snapshot: str = ""


async def show_backup(call: Call) -> BackupView:
    """Settings and the last runs."""
    return await call.services.backups.show()


async def begin_backup(call: Call) -> None:
    """It goes on behind this answer."""
    await call.services.backups.begin()
    await call.store.write(audit.record, call.actor, call.now, "backup.begin", "backup")


async def list_backed_up(call: Call) -> BackedUpAccount:
    """Also of an account that is gone."""
    return await call.services.backups.of_account(call.address, call.query.snapshot)


async def bring_back(call: Call) -> BroughtBack:
    """Without duplicates."""
    wanted: BringBack = call.body
    done = await call.services.backups.bring(call.address, wanted)
    await call.store.write(
        note_restored, call.actor, call.now, call.address, done.restored, done.mailboxes
    )
    return done


OPERATIONS = (
    Operation(
        method="GET", path="/backup", name="showBackup", topic="backup", does=show_backup,
        answer=BackupView, text="Where and when backups go, and how the last ones went.",
    ),
    Operation(
        method="POST", path="/backup", name="beginBackup", topic="backup", does=begin_backup,
        text="Take a backup now; how it goes is seen in showBackup.",
    ),
    Operation(
        method="GET", path="/backup/accounts/{address}", name="listBackedUp", topic="backup",
        does=list_backed_up, query=Named, answer=BackedUpAccount,
        text="What the backup has of an account.",
    ),
    Operation(
        method="POST", path="/backup/accounts/{address}", name="bringBack", topic="backup",
        does=bring_back, body=BringBack, answer=BroughtBack,
        text="Bring an account or one of its mailboxes back from the backup, without duplicates.",
    ),
)  # fmt: skip
