"""What is wrong on this machine itself: certificates, clock, disks, ports, relaying."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from merpati.services.backup.desk import LATE, BackupView
from merpati.services.diagnose.findings import (
    Finding,
    Machine,
    covers,
    listed,
    ok,
    problem,
    warning,
)
from merpati.services.diagnose.publish import Certificate

ORDER: Final = "Set enabled = true in [acme] of merpati.toml"
DAY: Final = 86_400
SOON: Final = 14 * DAY  # an authority's certificate is renewed 30 days ahead
VERY_SOON: Final = 3 * DAY
CLOCK_OFF: Final = 5.0  # seconds; dates in mail look odd
CLOCK_WRONG: Final = 120.0  # seconds; signatures and sign-ins begin to fail
LOW_SHARE: Final = 0.10  # of a disk
LOW_BYTES: Final = 2 << 30
FULL_SHARE: Final = 0.02
FULL_BYTES: Final = 200 << 20


class Disk(msgspec.Struct, frozen=True):
    """The disk below a folder: bytes free to us, and in all."""

    folder: str
    free: int
    size: int


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """What was gathered on this machine.

    Attributes:
        now: Unix seconds.
        clock_offset: Seconds by which time servers are ahead of us; None: nobody told.
        clock_failure: Why nobody told; empty when nobody was asked.
        disks: The disks that hold mail and database.
        outgoing: What became of connecting to port 25 of others: host and reason, the reason
            empty where it went well. Empty when it was not tried.
        listening: Why the SMTP server here cannot be reached; empty: it answers. None: not tried.
        relayed: Its reply when it was ready to pass on a stranger's mail; else empty.
        resolver: Why no name server answers; empty when one does.
        backup: How backups stand; None: not asked.
    """

    now: float
    clock_offset: float | None = None
    clock_failure: str = ""
    disks: tuple[Disk, ...] = ()
    outgoing: tuple[tuple[str, str], ...] = ()
    listening: str | None = None
    relayed: str = ""
    resolver: str = ""
    backup: BackupView | None = None


def judge(machine: Machine, local: Local) -> list[Finding]:
    """All findings about this machine itself."""
    return [
        *_judge_resolver(local),
        *_judge_server(local),
        *_judge_outgoing(local),
        *_judge_certificates(machine, local.now),
        *_judge_clock(local),
        *(finding for disk in local.disks for finding in _judge_disk(disk)),
        *_judge_backup(local),
    ]


def _judge_resolver(local: Local) -> list[Finding]:
    if not local.resolver:
        return []
    return [
        problem(
            "resolver",
            f"No name server answers this machine: {local.resolver}",
            "Without the DNS no mail leaves, and none is checked; nothing about it can be told.",
            "See nameservers in [dns] of merpati.toml, else /etc/resolv.conf.",
        )
    ]


def _judge_server(local: Local) -> list[Finding]:
    if local.listening is None:
        return []
    if local.listening:
        return [
            problem(
                "server",
                f"The SMTP server on this machine does not answer: {local.listening}",
                "No mail can arrive.",
                "Start it: merpati serve, or systemctl start merpati; then see its log.",
            )
        ]
    if local.relayed:
        return [
            problem(
                "relay",
                f"This server passes on mail of strangers to strangers; it said: {local.relayed}",
                "Spammers find an open relay within hours, and block lists soon after.",
                "See which networks are trusted in merpati.toml, and which addresses lead"
                " elsewhere: merpati alias list",
            )
        ]
    return [ok("server", "The SMTP server answers, and refuses to relay for strangers.")]


def _judge_outgoing(local: Local) -> list[Finding]:
    if not local.outgoing:
        return []
    if any(not reason for _, reason in local.outgoing):
        return [ok("port-25", "Other servers can be reached on port 25.")]
    reasons = listed([reason.rstrip(".") for _, reason in local.outgoing])
    return [
        problem(
            "port-25",
            f"No other server can be reached on port 25: {reasons}.",
            "Mail to other domains stays in the queue; providers often close this port.",
            "Ask your provider to open outgoing port 25, or send through a relay (routes in"
            " [outbound]).",
        )
    ]


def _judge_certificates(machine: Machine, now: float) -> list[Finding]:
    good = [one for one in machine.certificates if covers(one.names, machine.hostname)]
    if not machine.certificates:
        return [
            problem(
                "certificate",
                "This server has no certificate.",
                "Passwords and mail would go in clear; mail programs refuse to connect.",
                f"{ORDER}, or name the files: certificate and key in [tls].",
            )
        ]
    if not good:
        names = listed(sorted({name for one in machine.certificates for name in one.names}))
        return [
            problem(
                "certificate",
                f"No certificate is for {machine.hostname}; there is one for {names}.",
                "Mail programs refuse to connect, or warn every person.",
                f"{ORDER}, or name the files of one for {machine.hostname}: certificate and key in"
                " [tls].",
            )
        ]
    return [finding for one in machine.certificates for finding in _judge_certificate(one, now)]


def _judge_certificate(one: Certificate, now: float) -> list[Finding]:
    left = one.not_after - now
    end = dt.datetime.fromtimestamp(one.not_after, dt.UTC).strftime("%Y-%m-%d")
    renew = (
        "See why it was not renewed by itself: merpati tls list"
        if one.automatic
        else "Renew it, then let the server read it: systemctl reload merpati."
    )
    refused = "Mail programs refuse to connect, and senders with a policy deliver nothing."
    if left <= 0:
        return [problem("certificate", f"{one.file} ended on {end}.", refused, renew)]
    if one.not_before > now:
        start = dt.datetime.fromtimestamp(one.not_before, dt.UTC).strftime("%Y-%m-%d %H:%M")
        return [
            problem(
                "certificate",
                f"{one.file} is not valid before {start} UTC.",
                refused,
                "See whether the clock of this machine is right: timedatectl",
            )
        ]
    if left <= SOON:
        days = int(left // DAY)
        when = f"in {days} days" if days > 1 else "tomorrow" if days else "today"
        found = problem if left <= VERY_SOON else warning
        return [found("certificate", f"{one.file} ends {when}, on {end}.", refused, renew)]
    if one.self_signed:
        return [
            warning(
                "certificate",
                f"{one.file} is signed by this server itself.",
                "Mail programs warn every person, and nobody can tell this server from another.",
                f"{ORDER}: Let's Encrypt gives one for nothing.",
            )
        ]
    return [ok("certificate", f"{one.file} is good until {end}.")]


def _judge_clock(local: Local) -> list[Finding]:
    do = "Let the machine set its clock: timedatectl set-ntp true"
    if local.clock_offset is None:
        if not local.clock_failure:
            return []
        return [
            warning(
                "clock",
                f"Whether the clock is right cannot be told: {local.clock_failure}",
                "With a wrong clock, signatures and certificates count as invalid.",
                f"{do}, and see that it says: System clock synchronized: yes",
            )
        ]
    off = abs(local.clock_offset)
    if off < CLOCK_OFF:
        return [ok("clock", f"The clock is right ({off:.1f} s off).")]
    way = "behind" if local.clock_offset > 0 else "ahead"
    found = problem if off >= CLOCK_WRONG else warning
    amount = f"{off:.0f} seconds" if off < 600 else f"{off / 60:.0f} minutes"
    return [
        found(
            "clock",
            f"The clock of this machine is {amount} {way}.",
            "Mail bears a wrong date; with more, signatures and certificates count as invalid.",
            do,
        )
    ]


def _judge_disk(disk: Disk) -> list[Finding]:
    share = disk.free / disk.size if disk.size else 0.0
    free = _size(disk.free)
    if share >= LOW_SHARE or disk.free >= LOW_BYTES:
        return [ok("disk", f"{free} are free for {disk.folder}.")]
    full = share < FULL_SHARE or disk.free < FULL_BYTES
    return [
        (problem if full else warning)(
            "disk",
            f"Only {free} are free for {disk.folder}, {share:.0%} of the disk.",
            "A server without room refuses all mail until there is some.",
            f"Make room, or give the disk more; see what takes it: du -xh -d2 {disk.folder}",
        )
    ]


def _judge_backup(local: Local) -> list[Finding]:
    if local.backup is None:
        return []
    one = local.backup
    why = "After a broken disk, a fire or a wrong command, mail would be gone for good."
    if not one.target:
        return [
            warning(
                "backup",
                "No regular backups are set up.",
                why,
                "Set target (a folder on another disk) or bucket in [backup] of merpati.toml.",
            )
        ]
    if not one.last_good:
        text = f"No backup has come to {one.target} yet" + (f": {one.problem}" * bool(one.problem))
        return [warning("backup", f"{text.rstrip('.')}.", why, "Try it: merpati backup")]
    days = (local.now * 1000 - one.last_good) / 86_400_000
    if days * 86_400_000 > LATE:
        reason = f" {one.problem.rstrip('.')}." if one.problem else ""
        text = f"The last good backup is {days:.0f} days old.{reason}"
        return [problem("backup", text, why, "See why: merpati backup list; then: merpati backup")]
    if one.problem:
        text = f"The last backup has a problem: {one.problem.rstrip('.')}."
        return [warning("backup", text, why, "Try again: merpati backup, merpati backup verify")]
    if not one.verified_at:
        text = "The backup has not been verified yet."
        return [warning("backup", text, "A disk can lose what it took.", "merpati backup verify")]
    return [ok("backup", f"The last backup is {days * 24:.0f} hours old, and was verified.")]


def _size(size: int) -> str:
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size >> 20} MB"
