"""`merpati report`, in Indonesian; what the reports say is told by `services/dmarc_digest.py`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "tell what the reports of the last days say": "ceritakan isi laporan beberapa hari terakhir",
    "one of our domains; default: all of them": "salah satu domain kita; bawaan: semuanya",
    "how far back; default {days}": "sejauh apa ke belakang; bawaan {days}",
    (
        "take in reports: mails, or files as they were attached (.xml, .gz, .zip); tell failures"
    ): "terima laporan: surat, atau berkas lampirannya (.xml, .gz, .zip); ceritakan kegagalan",
    '"-" is standard input': '"-" adalah masukan standar',
    "default: the server's": "bawaan: bahasa server",
    "{domain} is not served here": "{domain} tidak dilayani di sini",
    "kept: {report}": "disimpan: {report:said}",
    "known already, or not about us: {report}": (
        "sudah dikenal, atau bukan tentang kita: {report:said}"
    ),
    "{org} about {domain}, {id}": "{org:text} tentang {domain}, {id}",
    (
        "What others report about mail in the name of our domains: who sends it, and whether it"
        " passes."
    ): (
        "Laporan pihak lain tentang surat atas nama domain kita: siapa yang mengirimnya, dan"
        " apakah lolos."
    ),
}
