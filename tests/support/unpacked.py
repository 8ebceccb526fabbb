"""Servers that exclude each other as Debian packages, unpacked by `.ci/run` and run from there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

UNPACKED: Final = Path(__file__).parents[2] / "var/peers"
LIBRARIES: Final = Path("usr/lib/dovecot")
# The programs behind each protocol of Dovecot.
DOVECOT: Final = {
    "imap": ("imap-login", "imap", "imap-urlauth-worker", "imap-urlauth-login", "imap-urlauth",
             "imap-hibernate"),
    "pop3": ("pop3-login", "pop3"),
}  # fmt: skip


def dovecot_services(*protocols: str) -> str:
    """What its configuration says of where these protocols' programs lie; nothing when installed.

    Raises:
        FileNotFoundError: they are neither installed nor unpacked.
    """
    lines: list[str] = []
    for protocol in protocols:
        if ("/" / LIBRARIES / protocol).exists():
            continue
        folder = UNPACKED / "dovecot" / LIBRARIES
        if not (folder / protocol).exists():
            raise FileNotFoundError(
                f"dovecot-{protocol}d is missing; .ci/run unpacks it into var/peers"
            )
        for program in DOVECOT[protocol]:
            lines += [f"service {program} {{", f"  executable = {folder / program}", "}"]
    return "".join(f"{line}\n" for line in lines)
