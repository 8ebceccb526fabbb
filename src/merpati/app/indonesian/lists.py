"""`merpati list`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Mailing lists: who they reach, who may post, and posts that wait for an owner.": (
        "Milis: siapa yang dijangkau, siapa yang boleh mengirim, dan kiriman yang menunggu pemilik."
    ),
    "make a list": "buat milis",
    "who runs it; repeatable": "pengelolanya; boleh diulang",
    "one list with its rules and people": "satu milis dengan aturan dan orangnya",
    "all lists": "semua milis",
    "change the rules of a list": "ubah aturan sebuah milis",
    "remove a list with its members and held posts": (
        "hapus milis beserta anggota dan kiriman yang ditahan"
    ),
    "really remove it": "benar-benar hapus",
    "add members, or end their suspension; - reads addresses, one a line": (
        "tambah anggota, atau akhiri penangguhannya; - membaca alamat, satu per baris"
    ),
    "remove members": "keluarkan anggota",
    "let people run a list; with --remove no longer": (
        "jadikan pengelola milis; dengan --remove tidak lagi"
    ),
    "let people post who are no members; with --remove no longer": (
        "izinkan bukan anggota mengirim; dengan --remove tidak lagi"
    ),
    "an address, here or elsewhere": "alamat, di sini atau di tempat lain",
    "posts that wait for an owner": "kiriman yang menunggu pemilik",
    "let a held post go to the members": "teruskan kiriman yang ditahan kepada anggota",
    "throw a held post away, and tell its author": (
        "buang kiriman yang ditahan, dan beri tahu penulisnya"
    ),
    "from: merpati list held": "dari: merpati list held",
    "of the list": "alamat milis",
    "who may post": "siapa yang boleh mengirim",
    "what becomes of posts by others": "nasib kiriman dari yang lain",
    "who may join by mail: nobody, who confirms, who an owner admits": (
        "siapa yang boleh bergabung lewat surat: tidak ada, yang mengonfirmasi, yang diterima"
        " pemilik"
    ),
    "whom it reaches: its members, or every such account": (
        "siapa yang dijangkau: anggotanya, atau semua akun seperti itu"
    ),
    "where answers go": "ke mana jawaban dikirim",
    "as shown": "seperti ditampilkan",
    "of what it writes to people": "bahasa surat yang ditulisnya kepada orang",
    "hold every post until an owner approves": "tahan setiap kiriman sampai disetujui pemilik",
    "the account that gets a copy of every post, or none": (
        "akun yang mendapat salinan setiap kiriman, atau none"
    ),
    "The list {address} is ready.": "Milis {address} sudah siap.",
    "Add its members: merpati list add-member {address} ADDRESS ...": (
        "Tambahkan anggotanya: merpati list add-member {address} ALAMAT ..."
    ),
    "It has no owner, so the domain's administrators run it:": (
        "Milis ini tanpa pemilik, jadi dikelola administrator domain:"
    ),
    "merpati list owner {address} ADDRESS": "merpati list owner {address} ALAMAT",
    "No list yet: merpati list create ADDRESS": "Belum ada milis: merpati list create ALAMAT",
    "Nobody yet: merpati list add-member {address} ADDRESS": (
        "Belum ada siapa pun: merpati list add-member {address} ALAMAT"
    ),
    "The list {address} is changed.": "Milis {address} sudah diubah.",
    "This forgets {address} and the {count} people it knows; add --yes.": (
        "Ini melupakan {address} dan {count} orang yang dikenalnya; tambahkan --yes."
    ),
    "The list {address} is removed.": "Milis {address} sudah dihapus.",
    "{address} reaches every account it is for; first type: {command}": (
        "{address} menjangkau semua akun sasarannya; ketik dahulu: {command:text}"
    ),
    "{count} of {total} added to {address}.": "{count} dari {total} ditambahkan ke {address}.",
    "none of them is a member of {address}; see: {command}": (
        "tidak satu pun anggota {address}; lihat: {command:text}"
    ),
    "{count} of {total} removed from {address}.": (
        "{count} dari {total} dikeluarkan dari {address}."
    ),
    "{address} is run by {people}.": "{address} dikelola oleh {people:list}.",
    "the administrators": "para administrator",
    "{people} may post no longer to {address}.": (
        "{people:list} tidak boleh lagi mengirim ke {address}."
    ),
    "{people} may post to {address}.": "{people:list} boleh mengirim ke {address}.",
    "This counts with: {command}": "Ini berlaku dengan: {command:text}",
    "No post to {address} waits.": "Tidak ada kiriman ke {address} yang menunggu.",
    "Post {number} goes to the members of {address}.": (
        "Kiriman {number} diteruskan kepada anggota {address}."
    ),
    "Post {number} to {address} is thrown away.": "Kiriman {number} ke {address} dibuang.",
    "no post {number} waits; see: merpati list held ADDRESS": (
        "tidak ada kiriman {number} yang menunggu; lihat: merpati list held ALAMAT"
    ),
    "there is no list {address}; see: merpati list list": (
        "tidak ada milis {address}; lihat: merpati list list"
    ),
    "a list has at most {most} members": "sebuah milis paling banyak beranggota {most}",
    "list": "milis",
    "members": "anggota",
    "posting": "boleh mengirim",
    "moderated": "dimoderasi",
    "person": "orang",
    "is": "sebagai",
    "bounces": "kembali",
    "came": "datang",
    "author": "penulis",
    "subject": "perihal",
    "owner": "pemilik",
    "suspended": "ditangguhkan",
    "member": "anggota",
    "may post": "boleh mengirim",
    "language": "bahasa",
    "others": "lainnya",
    "joining": "bergabung",
    "audience": "jangkauan",
    "replies": "jawaban",
    "archive": "arsip",
}
