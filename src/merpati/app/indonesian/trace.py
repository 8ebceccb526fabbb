"""`merpati trace`, in Indonesian; its steps stand in `services/administration/trace_words.py`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    ("What happened to a message: by its Message-ID, an address, its subject, or a trace id."): (
        "Apa yang terjadi pada sebuah pesan: menurut Message-ID, alamat, perihal, atau id jejaknya."
    ),
    "at most so many messages": "paling banyak sekian pesan",
    "trace {id}": "jejak {id}",
    "nothing is known of {what}; histories are kept for {days} days": (
        "tidak ada yang diketahui tentang {what:text}; riwayat disimpan selama {days} hari"
    ),
}
