"""`merpati config`, in Indonesian, without the settings themselves: those are in `settings`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "The settings of the file; and what administrators arrange, as one text.\n\n"
        "merpati config show|explain|sample|reference     the settings of merpati.toml\n"
        "merpati config export                            domains, accounts, lists, rules ...\n"
        "merpati config diff FILE                         what applying it would change, in"
        " words\n"
        "merpati config apply FILE [--dry-run]            all or nothing, each step in the"
        " audit\n"
        "merpati config history, merpati config rollback NUMBER"
    ): (
        "Pengaturan di berkas; serta yang diatur administrator, sebagai satu teks.\n\n"
        "merpati config show|explain|sample|reference     pengaturan merpati.toml\n"
        "merpati config export                            domain, akun, milis, aturan ...\n"
        "merpati config diff FILE                         apa yang akan berubah, dengan"
        " kata-kata\n"
        "merpati config apply FILE [--dry-run]            semua atau tidak sama sekali, tiap"
        " langkah diaudit\n"
        "merpati config history, merpati config rollback NUMBER"
    ),
    "every setting as it is now": "semua pengaturan seperti sekarang",
    "only those that differ from the default": "hanya yang berbeda dari bawaan",
    "what one setting means": "arti sebuah pengaturan",
    "such as queue.retry": "misalnya queue.retry",
    "a configuration file with every setting": "berkas konfigurasi dengan semua pengaturan",
    "standard, high or high+N": "standard, high, atau high+N",
    "every setting, as Markdown": "semua pengaturan, sebagai Markdown",
    "what administrators arrange, as one text": "yang diatur administrator, sebagai satu teks",
    "with the hashes of passwords": "dengan hash kata sandi",
    "of the comments": "bahasa komentarnya",
    "what applying a text would change": "apa yang akan berubah bila teks diterapkan",
    "change what a text says, all or nothing": "terapkan isi teks, semua atau tidak sama sekali",
    "return to an earlier version": "kembali ke versi sebelumnya",
    "- for standard input": "- untuk masukan standar",
    "of config history": "dari config history",
    "also remove what it leaves out, but no mail": (
        "hapus juga yang tidak ada dalam teks, tetapi tidak ada surat"
    ),
    "erase accounts and shared mailboxes that it leaves out, WITH ALL THEIR MAIL": (
        "hapus akun dan kotak bersama yang tidak ada dalam teks, DENGAN SEMUA SURATNYA"
    ),
    "say what would change": "sebutkan apa yang akan berubah",
    "versions, the latest first": "versi, yang terbaru dahulu",
    "applied by": "diterapkan oleh",
    "There is no version yet.": "Belum ada versi.",
    "Nothing changes.": "Tidak ada yang berubah.",
    "Nothing has changed.": "Tidak ada yang diubah.",
    "Not in the text, and stays: {things}.": "Tidak ada dalam teks, dan tetap: {things:list}.",
    "# {name} is not set": "# {name} tidak disetel",
    "there is no version {number}; see: merpati config history": (
        "tidak ada versi {number}; lihat: merpati config history"
    ),
    "the domain {name}": "domain {name}",
    "the account {name}": "akun {name}",
    "the alias {name}": "alias {name}",
    "the list {name}": "milis {name}",
    "remove {thing}": "hapus {thing:said}",
    "erase {thing} with all its mail": "hapus {thing:said} beserta semua suratnya",
    "add {thing}": "tambah {thing:said}",
    "add {thing}: {fields}": "tambah {thing:said}: {fields:list}",
    "change {thing}: {fields}": "ubah {thing:said}: {fields:list}",
    "another password": "kata sandi lain",
    "{step}: an alias needs a target; leave it out to remove it": (
        "{step:said}: alias memerlukan tujuan; kosongkan untuk menghapusnya"
    ),
    "an alias needs a target; leave it out to remove it": (
        "alias memerlukan tujuan; kosongkan untuk menghapusnya"
    ),
    'There is no setting "{name}": {hint}': 'Tidak ada pengaturan "{name}": {hint:said}',
}
