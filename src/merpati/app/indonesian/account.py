"""`merpati account`, in Indonesian; its sign-in commands have their own dictionary."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "People and their mailboxes.": "Orang dan kotak suratnya.",
    "make an account": "buat akun",
    "make accounts from a table": "buat akun dari tabel",
    "Make accounts from a table as spreadsheets save it (CSV). Its first line names the columns:"
    " address, and name, password, quota (2GB), language (en, id) as wanted. Passwords that are"
    " not given are made up and printed, once.": (
        "Buat akun dari tabel seperti yang disimpan program lembar kerja (CSV). Baris pertamanya"
        " menamai kolom: address, lalu name, password, quota (2GB), language (en, id) seperlunya."
        " Kata sandi yang tidak diberikan dibuatkan dan dicetak, sekali saja."
    ),
    "the table, UTF-8": "tabelnya, UTF-8",
    "{file} is not UTF-8: save it as CSV with UTF-8": (
        "{file:text} bukan UTF-8: simpan sebagai CSV dengan UTF-8"
    ),
    "line": "baris",
    "problem": "masalah",
    "password, or problem": "kata sandi, atau masalah",
    "The table has no lines below its heading.": "Tabel tidak punya baris di bawah kepalanya.",
    "{made} accounts can be made, {failed} cannot. Nothing is changed yet.": (
        "{made} akun bisa dibuat, {failed} tidak. Belum ada yang diubah."
    ),
    "{made} accounts are made, {failed} could not be.": (
        "{made} akun dibuat, {failed} tidak bisa."
    ),
    "the person's name": "nama orangnya",
    "such as 2GB; 0: none": "misalnya 2GB; 0: tanpa kuota",
    "may administer": "boleh mengelola",
    "read the password from stdin": "baca kata sandi dari stdin",
    "all accounts": "semua akun",
    "only of this domain": "hanya dari domain ini",
    "one account with its mailboxes": "satu akun dengan kotak suratnya",
    "change an account": "ubah akun",
    "a new primary address; the old one stays an alias": (
        "alamat utama baru; yang lama tetap menjadi alias"
    ),
    "make a new password, print it": "buat kata sandi baru, lalu cetak",
    "read a password from stdin": "baca kata sandi dari stdin",
    "with a new password: no app password works any longer, as after a theft": (
        "dengan kata sandi baru: semua kata sandi aplikasi tidak berlaku lagi,"
        " misalnya setelah pencurian"
    ),
    "send an account's mail on to other addresses": "teruskan surat akun ke alamat lain",
    "where to; none: show what is set": "ke mana; kosong: tampilkan pengaturan",
    "a copy stays in the mailbox": "salinan tetap di kotak surat",
    "forward no longer": "berhenti meneruskan",
    "answer requests for files: help, index, get NAME": (
        "jawab permintaan berkas: help, index, get NAMA"
    ),
    "the folder with the files": "folder berisi berkasnya",
    "answer no longer": "berhenti menjawab",
    "removed mail that can be restored": "surat terhapus yang dapat dipulihkan",
    "of this mailbox and those below it only": ("hanya dari kotak surat ini dan yang di bawahnya"),
    "removed since: 2026-11-22, or 12h or 3d ago": (
        "dihapus sejak: 2026-11-22, atau 12h atau 3d yang lalu"
    ),
    "restore removed mail, and its mailboxes": ("pulihkan surat terhapus beserta kotak suratnya"),
    "let nobody sign in, and take no mail": "larang masuk, dan jangan terima surat",
    "undo disable": "batalkan disable",
    "erase an account with all its mail": "hapus akun beserta semua suratnya",
    "really erase it": "benar-benar hapus",
    "Account {address} is ready.": "Akun {address} sudah siap.",
    "Password, shown only now: {password}": ("Kata sandi, hanya ditampilkan sekarang: {password}"),
    "address": "alamat",
    "name": "nama",
    "emails": "surat",
    "used": "terpakai",
    "quota": "kuota",
    "none": "tanpa",
    "No account yet: merpati account add ADDRESS": ("Belum ada akun: merpati account add ALAMAT"),
    "mailbox": "kotak surat",
    "unseen": "belum dibaca",
    "addresses  {addresses}": "alamat     {addresses:text}",
    "storage    {used} in {emails} emails; no limit": (
        "ruang      {used:text} dalam {emails} surat; tanpa batas"
    ),
    "storage    {used} in {emails} emails; {quota}": (
        "ruang      {used:text} dalam {emails} surat; {quota:text}"
    ),
    "language   {code}": "bahasa     {code}",
    "forwards   to {targets}; a copy stays": (
        "teruskan   ke {targets:text}; salinan tetap di sini"
    ),
    "forwards   to {targets}": "teruskan   ke {targets:text}",
    "answers    with files of {folder}": "menjawab   dengan berkas dari {folder:text}",
    "disabled   nobody can sign in": "nonaktif   tidak ada yang dapat masuk",
    "Account {address} is changed.": "Akun {address} sudah diubah.",
    "--revoke-all goes with --password or --password-stdin": (
        "--revoke-all dipakai bersama --password atau --password-stdin"
    ),
    "{count} app passwords go on working; --revoke-all would have ended them, too.": (
        "{count} kata sandi aplikasi tetap berlaku; --revoke-all juga akan mengakhirinya."
    ),
    "{address} is disabled: nobody can sign in, and no mail is taken for it.": (
        "{address} dinonaktifkan: tidak ada yang dapat masuk, dan suratnya tidak diterima."
    ),
    "{address} is enabled.": "{address} diaktifkan.",
    "{address} and its {emails} emails are erased.": (
        "{address} dan {emails} suratnya sudah dihapus."
    ),
    "This erases {emails} emails of {address} for good; add --yes.": (
        "Ini menghapus {emails} surat {address} selamanya; tambahkan --yes."
    ),
    "a target is another address, such as name@example.com": (
        "tujuan adalah alamat lain, misalnya nama@example.com"
    ),
    "Mail for {address} goes on to {targets}, and a copy stays.": (
        "Surat untuk {address} diteruskan ke {targets:text}, dan salinannya tetap di sini."
    ),
    "Mail for {address} goes on to {targets}, and no copy stays.": (
        "Surat untuk {address} diteruskan ke {targets:text}, tanpa salinan di sini."
    ),
    "Mail for {address} stays here.": "Surat untuk {address} tetap di sini.",
    "{address} hands out {count} files of {folder}.": (
        "{address} membagikan {count} berkas dari {folder:text}."
    ),
    "To try it, write to it with the subject: index": (
        "Untuk mencoba, kirim surat kepadanya dengan perihal: index"
    ),
    "{address} answers no requests.": "{address} tidak menjawab permintaan.",
    "last removed": "terakhir dihapus",
    "there is no folder {folder}; make it with: {command}": (
        "tidak ada folder {folder:text}; buat dengan: {command:text}"
    ),
    "Nothing can be restored.": "Tidak ada yang dapat dipulihkan.",
    "{count} emails are back in {mailboxes}.": "{count} surat kembali ke {mailboxes:text}.",
    "say what: --mailbox NAME, or --since WHEN, or both": (
        "sebutkan apa: --mailbox NAMA, atau --since KAPAN, atau keduanya"
    ),
    "{text}: write 2026-11-22, 12h or 3d": "{text:text}: tulis 2026-11-22, 12h, atau 3d",
    "give the account of somebody who leaves to a successor": (
        "serahkan akun orang yang pergi kepada penggantinya"
    ),
    "say what would happen": "katakan apa yang akan terjadi",
    "the successor's address": "alamat pengganti",
    "what whoever writes to it is answered": "jawaban bagi siapa pun yang menulis ke sana",
    "undo hand-over, as one act": "urungkan hand-over sekaligus",
    "Nothing is changed yet.": "Belum ada yang diubah.",
    "To take it back: merpati account hand-back {address}": (
        "Untuk mengurungkannya: merpati account hand-back {address}"
    ),
    "{address} is a person's account again, with its password.": (
        "{address} menjadi akun pribadi lagi, dengan kata sandinya."
    ),
}
