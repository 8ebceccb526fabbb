"""Builds what wakes somebody: the alerts of a worker, and what they look at on this machine."""

from __future__ import annotations

from typing import Final

from merpati.app import examining
from merpati.app.examining import Place
from merpati.app.ground import Ground
from merpati.services import alerts
from merpati.services.alerts import RARELY, Alerts, AlertSettings, Look
from merpati.services.backup.desk import LATE, standing
from merpati.services.backup.keep import BackupSettings
from merpati.services.diagnose.findings import Severity
from merpati.services.happenings import Happenings
from merpati.services.letters import Letters
from merpati.store import directory
from merpati.store.alerts import Found
from merpati.store.engine import Store

DAY: Final = 86_400  # seconds


def build(ground: Ground, place: Place, letters: Letters, happenings: Happenings) -> Alerts:
    """The alerts of a worker."""
    config, store = ground.config, ground.store
    settings = config[AlertSettings]
    looks = [
        alerts.disks(list(dict.fromkeys([config.data, config.blobs])), settings.disk_free),
        _certificates(place, settings.certificate_days),
    ]
    if config[BackupSettings].place:
        looks.append(_backup(store, config[BackupSettings]))
    if settings.doctor:
        looks.append(_doctor(place, store))
    return Alerts(
        ground.holder, ground.hostname, store, letters, happenings, settings, looks,
        ground.clock, ground.log,
    )  # fmt: skip


def _certificates(place: Place, days: int) -> Look:
    """Those that the server shows, and that end soon."""

    async def find(now: int) -> list[Found]:
        found = []
        for one in await examining.shown_certificates(place):
            left = int((one.certificate.not_after - now / 1000) // DAY)
            if left < days and not one.certificate.self_signed:
                subject = one.certificate.names[0] if one.certificate.names else "?"
                found.append(Found("certificate-ends", subject, {"days": max(left, 0)}))
        return found

    return Look(frozenset({"certificate-ends"}), find, 3600.0)


def _backup(store: Store, settings: BackupSettings) -> Look:
    """Backups that are made regularly, and were not."""

    async def find(now: int) -> list[Found]:
        one = await standing(store, settings)
        if not one.last_good or one.last_good > now - LATE:
            return []
        days = (now - one.last_good) // (DAY * 1000)
        return [Found("backup-old", one.target, {"days": days})]

    return Look(frozenset({"backup-old"}), find)


def _doctor(place: Place, store: Store) -> Look:
    """What costs mail, as others see this server."""

    async def find(_now: int) -> list[Found]:
        names = [one.name for one in await store.read(directory.domains)]
        examined = await examining.examine(place, names)
        return [
            Found("doctor", f"{subject} {one.check}", {"what": one.what, "do": one.do})
            for subject, findings in examined.items()
            for one in findings
            if one.severity is Severity.PROBLEM
        ]

    return Look(frozenset({"doctor"}), find, RARELY)
