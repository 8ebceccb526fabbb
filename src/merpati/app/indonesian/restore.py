"""`merpati restore`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "Bring back what a backup holds: everything into an empty place, or one account or"
        " mailbox.\n\n"
        "  merpati restore SRC --to DIR                  a whole installation into a new folder\n"
        "  merpati restore SRC                           the store of the installation that -c"
        " names\n"
        "  merpati restore SRC --account ADDRESS         one account back into the living server\n"
        "  merpati restore SRC --account ADDRESS --mailbox NAME\n"
        "  merpati restore SRC --account ADDRESS --list  what the backup has of it\n\n"
        "An account or mailbox comes back without duplicates, while the server runs. After a"
        " restore of\n"
        "everything, mail that waited for other servers is held: see merpati queue list."
    ): (
        "Pulihkan isi cadangan: semuanya ke tempat kosong, atau satu akun atau kotak surat.\n\n"
        "  merpati restore SRC --to DIR                  seluruh instalasi ke folder baru\n"
        "  merpati restore SRC                           penyimpanan instalasi yang disebut -c\n"
        "  merpati restore SRC --account ADDRESS         satu akun ke server yang sedang berjalan\n"
        "  merpati restore SRC --account ADDRESS --mailbox NAME\n"
        "  merpati restore SRC --account ADDRESS --list  isi cadangan untuk akun itu\n\n"
        "Akun atau kotak surat kembali tanpa ganda, selagi server berjalan. Setelah semuanya"
        " dipulihkan,\n"
        "surat yang menunggu untuk server lain ditahan: lihat merpati queue list."
    ),
    "which one; the latest when not given": "yang mana; yang terbaru bila tidak disebut",
    "this account only": "hanya akun ini",
    "and this mailbox of it": "dan kotak surat ini di dalamnya",
    "show what the backup has": "tampilkan isi cadangan",
    "count, change nothing": "hitung saja, jangan ubah apa pun",
    "even beyond the quota": "walaupun melebihi kuota",
    "that of an encrypted backup": "frasa sandi cadangan terenkripsi",
    "say of which account: --account ADDRESS": "sebutkan akun mana: --account ALAMAT",
    "{address} in {name}:": "{address} dalam {name}:",
    "no mailboxes": "tidak ada kotak surat",
    "{address} was gone and would be made anew.": (
        "{address} sudah tidak ada dan akan dibuat baru."
    ),
    "{address} was gone and is made anew.": "{address} sudah tidak ada dan dibuat baru.",
    "{count} emails came back from {name}; {there} are here already.": (
        "{count} surat kembali dari {name}; {there} sudah ada di sini."
    ),
    "{count} emails would come back from {name}; {there} are here already.": (
        "{count} surat akan kembali dari {name}; {there} sudah ada di sini."
    ),
    "{name} is back: {accounts} accounts, {messages} messages.": (
        "{name} sudah kembali: {accounts} akun, {messages} pesan."
    ),
    "{folder} is not empty; name a new folder": "{folder:text} tidak kosong; sebutkan folder baru",
    "{file} exists; move it away, or restore elsewhere: --to DIR": (
        "{file:text} sudah ada; pindahkan, atau pulihkan ke tempat lain: --to DIR"
    ),
    ("{count} recipients elsewhere are held, for they may have got their mail since: {command}"): (
        "{count} penerima di tempat lain ditahan, sebab suratnya mungkin sudah sampai:"
        " {command:text}"
    ),
    "{count} messages were damaged before the backup; see merpati check.": (
        "{count} pesan sudah rusak sebelum dicadangkan; lihat merpati check."
    ),
    ("The backup is not encrypted and has no keys: bring tls/ and data/sealing.key yourself."): (
        "Cadangan ini tidak dienkripsi dan tanpa kunci: bawa sendiri tls/ dan data/sealing.key."
    ),
    "Until then the server shows a certificate of its own, which was made now.": (
        "Sampai saat itu server memakai sertifikat buatannya sendiri, yang baru dibuat."
    ),
    "Next: merpati check -c {file}, then merpati serve -c {same}": (
        "Berikutnya: merpati check -c {file:text}, lalu merpati serve -c {same:text}"
    ),
    "{file} is not what was stored": "{file:text} tidak sama dengan yang disimpan",
    "{file} is missing in {folder}": "{file:text} tidak ada di {folder:text}",
    "{file} is too short": "{file:text} terlalu pendek",
    "{file} is damaged": "{file:text} rusak",
    "{file} is damaged: {reason}": "{file:text} rusak: {reason:said}",
    "{folder} is no backup: there is no {file} in it": (
        "{folder:text} bukan cadangan: tidak ada {file} di dalamnya"
    ),
    "{folder} is in use by another backup or restore; wait until that has ended": (
        "{folder:text} sedang dipakai pencadangan atau pemulihan lain; tunggu sampai selesai"
    ),
    (
        "the disk of {folder} is full; make room and run it again: it goes on where it ended"
    ): "cakram {folder:text} penuh; sediakan ruang dan jalankan lagi: pekerjaan dilanjutkan",
    "{folder} cannot be used: {reason}": "{folder:text} tidak dapat dipakai: {reason:text}",
    "{folder} has other files in it; name a new or empty folder for the backup": (
        "{folder:text} berisi berkas lain; sebutkan folder baru atau kosong untuk cadangan"
    ),
    "{file} is of a newer release; upgrade this one": (
        "{file:text} berasal dari rilis yang lebih baru; mutakhirkan yang ini"
    ),
    "{folder} is encrypted; name the file of its passphrase: --passphrase-file": (
        "{folder:text} terenkripsi; sebutkan berkas frasa sandinya: --passphrase-file"
    ),
    "rows of the backup cannot be read: {reason}": "baris cadangan tidak terbaca: {reason:text}",
    "rows of {table} do not fit: {reason}": "baris {table} tidak cocok: {reason:text}",
    "object {name} is damaged": "objek {name} rusak",
    "the passphrase is not that of this backup": "frasa sandi itu bukan milik cadangan ini",
    "the key of the backup is damaged": "kunci cadangan rusak",
    "{address} had no mailbox {mailbox} in the snapshot {name}": (
        "{address} tidak punya kotak surat {mailbox:text} dalam potret {name}"
    ),
    "there was no account {address} in the snapshot {name}": (
        "tidak ada akun {address} dalam potret {name}"
    ),
    "a backup runs already": "pencadangan sudah berjalan",
    "{name} was taken by a newer release; upgrade this one": (
        "{name} dibuat oleh rilis yang lebih baru; mutakhirkan yang ini"
    ),
    "the store is not empty; restore into a new one": (
        "penyimpanan tidak kosong; pulihkan ke yang baru"
    ),
    "{what} of the backup is not what was stored": (
        "{what:text} dari cadangan tidak sama dengan yang disimpan"
    ),
    "{file} is too short: write a passphrase of 8 characters or more": (
        "{file:text} terlalu pendek: tulis frasa sandi 8 karakter atau lebih"
    ),
    "the snapshot {name} has no table {table}": "potret {name} tidak punya tabel {table}",
    "{text} is no name of a snapshot": "{text:text} bukan nama potret",
    "the snapshot {name} is of a newer release; upgrade": (
        "potret {name} berasal dari rilis yang lebih baru; mutakhirkan"
    ),
    "a backup to another place runs, or was broken off less than ten minutes ago": (
        "pencadangan ke tempat lain sedang berjalan, atau terputus kurang dari sepuluh menit lalu"
    ),
    "the backup was held up for so long that it may not be whole; run it again": (
        "pencadangan tertahan begitu lama sehingga mungkin tidak utuh; jalankan lagi"
    ),
    "name a folder, or set target in [backup] of {file}": (
        "sebutkan folder, atau setel target di [backup] pada {file:text}"
    ),
    "{problem}; see: merpati backup list {folder}": (
        "{problem:said}; lihat: merpati backup list {folder:text}"
    ),
    "the backup's folder, or URL of its bucket": "folder cadangan, atau URL bucket-nya",
    "there is no {name}": "tidak ada {name:text}",
    "the URL of a bucket has no key in it: put the key into a file, bucket_key_file": (
        "URL bucket tidak berisi kunci: taruh kuncinya dalam berkas, bucket_key_file"
    ),
    "{file} holds no key: write its ID in the first line, the secret in the second": (
        "{file:text} tidak berisi kunci: tulis ID-nya di baris pertama, rahasianya di baris kedua"
    ),
    "{url} is no URL of a bucket: write {form}": "{url:text} bukan URL bucket: tulis {form:text}",
    "{url} lacks a file": "{url:text} kehilangan sebuah berkas",
    "{url} was taken by another run meanwhile; run it again": (
        "{url:text} sementara itu diambil proses lain; jalankan lagi"
    ),
    "no backups are set up: set target or bucket in [backup] of merpati.toml": (
        "belum ada cadangan yang disiapkan: setel target atau bucket di [backup] pada merpati.toml"
    ),
}
