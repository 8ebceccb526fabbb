"""`merpati serve`, in Indonesian; its line `merpati ready` is for programs too, and stays."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    """\
Run the server in the foreground. It is ready when it prints `merpati ready`.

SIGTERM lets sessions end and stops within 10 seconds; SIGHUP reads the configuration and
the certificates again.""": """\
Jalankan server di latar depan. Server siap bila mencetak `merpati ready`.

SIGTERM membiarkan sesi selesai lalu berhenti dalam 10 detik; SIGHUP membaca ulang
konfigurasi dan sertifikat.""",
    "processes; what the configuration says when not given, else one per processor": (
        "jumlah proses; bila tidak diberikan menurut konfigurasi, selain itu satu per prosesor"
    ),
    "what this machine is for: mx, submission, mailboxes, web, queue; all when not given": (
        "untuk apa mesin ini: mx, submission, mailboxes, web, queue; semuanya bila tidak diberikan"
    ),
    "{text} is not a number from 0 to {most}": "{text:text} bukan bilangan dari 0 sampai {most}",
}
