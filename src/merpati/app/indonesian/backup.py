"""`merpati backup`, in Indonesian."""

from __future__ import annotations

from typing import Final

_HELP: Final = """\
Back up everything to a folder, while the server runs; list, verify and prune backups.

  merpati backup [DEST]          take a snapshot; what is there already is not copied again
  merpati backup list [DEST]     the snapshots, and how the last backups went
  merpati backup verify [DEST]   read every file and compare its hash
  merpati backup prune [DEST]    forget the snapshots whose time is over

Without DEST it is the target that [backup] of merpati.toml names. `merpati restore` brings back."""
PHRASES: Final[dict[str, str]] = {
    _HELP: """\
Cadangkan semuanya ke sebuah folder selagi server berjalan; daftar, uji, dan pangkas cadangan.

  merpati backup [DEST]          buat potret; yang sudah ada tidak disalin lagi
  merpati backup list [DEST]     daftar potret, dan hasil cadangan terakhir
  merpati backup verify [DEST]   baca setiap berkas dan cocokkan hash-nya
  merpati backup prune [DEST]    lupakan potret yang sudah habis masanya

Tanpa DEST, tujuannya target yang disebut [backup] di merpati.toml. `merpati restore`
memulihkannya.""",
    "that of an encrypted backup; a new one is encrypted": (
        "frasa sandi cadangan terenkripsi; cadangan baru dienkripsi"
    ),
    "what is {word}? see: merpati backup --help": ("apa itu {word}? lihat: merpati backup --help"),
    "{name}: {count} messages, {size}; {written} were new.": (
        "{name}: {count} pesan, {size:text}; {written:text} di antaranya baru."
    ),
    "Not encrypted, so without the keys beside the store: TLS and sealing.key.": (
        "Tidak dienkripsi, jadi tanpa kunci di samping penyimpanan: TLS dan sealing.key."
    ),
    "message {id} is damaged in the store: {reason}": (
        "pesan {id} rusak di penyimpanan: {reason:said}"
    ),
    "snapshot": "potret",
    "taken": "dibuat",
    "messages": "pesan",
    "size": "ukuran",
    "There is no snapshot.": "Tidak ada potret.",
    "began": "mulai",
    "result": "hasil",
    "new": "baru",
    "verified": "diuji",
    "done": "selesai",
    "runs, or was broken off": "berjalan, atau terputus",
    "not yet": "belum",
    "{snapshots} snapshots, {packs} files, {size}: all is well.": (
        "{snapshots} potret, {packs} berkas, {size:text}: semua beres."
    ),
    "{snapshots} snapshots, {packs} files, {size}: {count} problems.": (
        "{snapshots} potret, {packs} berkas, {size:text}: {count} masalah."
    ),
    "The next backup writes what is missing anew, as far as the store still has it.": (
        "Cadangan berikutnya menulis ulang yang hilang, sejauh masih ada di penyimpanan."
    ),
    "{count} snapshots removed, {size} freed.": (
        "{count} potret dihapus, {size:text} dikosongkan."
    ),
}
