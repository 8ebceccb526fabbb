"""`merpati backup`, in Indonesian."""

from __future__ import annotations

from typing import Final

_HELP: Final = """\
Back up everything to a folder or bucket, while the server runs; list, verify and prune backups.

  merpati backup [DEST]          take a snapshot; what is there already is not copied again
  merpati backup list [DEST]     the snapshots, and how the last backups went
  merpati backup verify [DEST]   read every file and compare its hash
  merpati backup prune [DEST]    forget the snapshots whose time is over

DEST is a folder, or https://HOST/BUCKET/PREFIX of an S3-compatible store. Without it, it is what
[backup] of merpati.toml names. `merpati restore` brings back."""
PHRASES: Final[dict[str, str]] = {
    _HELP: """\
Cadangkan semuanya ke folder atau bucket selagi server berjalan; daftar, uji, pangkas cadangan.

  merpati backup [DEST]          buat potret; yang sudah ada tidak disalin lagi
  merpati backup list [DEST]     daftar potret, dan hasil cadangan terakhir
  merpati backup verify [DEST]   baca setiap berkas dan cocokkan hash-nya
  merpati backup prune [DEST]    lupakan potret yang sudah habis masanya

DEST adalah folder, atau https://HOST/BUCKET/PREFIX pada penyimpanan yang serupa S3. Tanpa DEST,
tujuannya yang disebut [backup] di merpati.toml. `merpati restore` memulihkannya.""",
    "the key of a bucket: ID and secret": "kunci bucket: ID dan rahasianya",
    "{url} is a bucket: name the file of its key: --bucket-key-file": (
        "{url} adalah bucket: sebutkan berkas kuncinya: --bucket-key-file"
    ),
    "{url} is not on this machine, and what goes there is encrypted: name the file of a passphrase,"
    " passphrase_file in [backup] or --passphrase-file": (
        "{url} tidak di mesin ini, dan yang dikirim ke sana dienkripsi: sebutkan berkas frasa"
        " sandi, passphrase_file di [backup] atau --passphrase-file"
    ),
    "{host} does not know the key {key}: mend the first line of bucket_key_file": (
        "{host} tidak mengenal kunci {key}: perbaiki baris pertama bucket_key_file"
    ),
    "{host} does not accept the secret of the key {key}: mend bucket_key_file": (
        "{host} menolak rahasia kunci {key}: perbaiki bucket_key_file"
    ),
    "the key {key} may not do this in the bucket {bucket}: let it list, read, write, delete": (
        "kunci {key} tidak boleh melakukan ini di bucket {bucket}: izinkan mendaftar, membaca,"
        " menulis, dan menghapus"
    ),
    "there is no bucket {bucket} at {host}: make it there, or mend its name": (
        "tidak ada bucket {bucket} di {host}: buat di sana, atau perbaiki namanya"
    ),
    "the clock of this machine is far from that of {host}: set it (merpati doctor), try again": (
        "jam mesin ini jauh berbeda dari jam {host}: setel jamnya (merpati doctor), lalu coba lagi"
    ),
    "the bucket {bucket} is not in the region {region}: write ?region=NAME behind its URL": (
        "bucket {bucket} tidak berada di region {region}: tulis ?region=NAMA di belakang URL-nya"
    ),
    "the bucket {bucket} is not at {host}: name the host of its region": (
        "bucket {bucket} tidak berada di {host}: sebutkan host region-nya"
    ),
    "the bucket {bucket} is full: order more, or keep fewer snapshots, and run it again": (
        "bucket {bucket} penuh: tambah ruangnya, atau simpan lebih sedikit potret, lalu jalankan"
        " lagi"
    ),
    "{host} cannot be reached ({why}); see to the network and run it again then: it goes on where"
    " it ended": (
        "{host} tidak terjangkau ({why:text}); periksa jaringan lalu jalankan lagi: cadangan"
        " dilanjutkan dari tempat berhentinya"
    ),
    "{host} cannot be reached; see to the network and run it again then: it goes on where it"
    " ended": (
        "{host} tidak terjangkau; periksa jaringan lalu jalankan lagi: cadangan dilanjutkan dari"
        " tempat berhentinya"
    ),
    "{host} refuses with {code}; run it again then: it goes on where it ended": (
        "{host} menolak dengan {code}; jalankan lagi nanti: cadangan dilanjutkan dari tempat"
        " berhentinya"
    ),
    "{url} is in use by another backup or restore, or one was broken off less than five minutes"
    " ago; wait, and run it again": (
        "{url} sedang dipakai cadangan atau pemulihan lain, atau ada yang terputus kurang dari lima"
        " menit lalu; tunggu, lalu jalankan lagi"
    ),
    "{url} has other things in it; name a new prefix for the backup": (
        "{url} berisi hal lain; sebutkan awalan baru untuk cadangan"
    ),
    "{place} is no backup: there is no merpati-backup.json in it": (
        "{place:text} bukan cadangan: tidak ada merpati-backup.json di dalamnya"
    ),
    "backups to a bucket want one package more: pip install 'merpati[s3]'": (
        "cadangan ke bucket memerlukan satu paket lagi: pip install 'merpati[s3]'"
    ),
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
