"""`merpati doctor`, in Indonesian; what it finds stands in `services/indonesian`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    """\
See whether the world sees this server as it should: DNS, ports, certificates, clock, disks.

Each finding says what is wrong, why it matters, and what to type. Without DOMAIN, every domain
of this installation is looked at. The exit status is 1 when there is a problem.""": """\
Periksa apakah dunia melihat server ini sebagaimana mestinya: DNS, porta, sertifikat, jam, cakram.

Setiap temuan menyebut apa yang salah, mengapa itu penting, dan apa yang perlu diketik. Tanpa
DOMAIN, semua domain instalasi ini diperiksa. Status keluarnya 1 bila ada masalah.""",
    "all domains served here when not given": (
        "semua domain yang dilayani di sini bila tidak diberikan"
    ),
    "only what is to be mended": "hanya yang perlu diperbaiki",
    "ok": "baik",
    "warning": "awas",
    "PROBLEM": "MASALAH",
    "Why:": "Sebab:",
    "Do:": "Lakukan:",
    "All is well.": "Semua beres.",
    "{problems} problem{s} and {warnings} warning{t}.": (
        "{problems} masalah dan {warnings} peringatan."
    ),
    "{problems} problem{s}.": "{problems} masalah.",
    "{warnings} warning{s}.": "{warnings} peringatan.",
}
