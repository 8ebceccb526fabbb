"""What the doctor finds on this machine, and on block lists, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "The certificate of {host}": "Sertifikat {host}",
    "No name server answers this machine: {failure}": (
        "Tidak ada server nama yang menjawab mesin ini: {failure:said}"
    ),
    "Without the DNS no mail leaves, and none is checked; nothing about it can be told.": (
        "Tanpa DNS tidak ada surat yang keluar maupun diperiksa; selebihnya tidak dapat diketahui."
    ),
    "See nameservers in [dns] of merpati.toml, else /etc/resolv.conf.": (
        "Lihat nameservers di [dns] pada merpati.toml, atau /etc/resolv.conf."
    ),
    "The SMTP server on this machine does not answer: {failure}": (
        "Server SMTP di mesin ini tidak menjawab: {failure:said}"
    ),
    "No mail can arrive.": "Tidak ada surat yang dapat masuk.",
    "Start it: merpati serve, or systemctl start merpati; then see its log.": (
        "Jalankan: merpati serve, atau systemctl start merpati; lalu lihat lognya."
    ),
    "This server passes on mail of strangers to strangers; it said: {reply}": (
        "Server ini meneruskan surat orang asing kepada orang asing; jawabannya: {reply:text}"
    ),
    "Spammers find an open relay within hours, and block lists soon after.": (
        "Pengirim spam menemukan relay terbuka dalam hitungan jam, dan daftar blokir menyusul."
    ),
    (
        "See which networks are trusted in merpati.toml, and which addresses lead elsewhere:"
        " merpati alias list"
    ): (
        "Periksa jaringan mana yang dipercaya di merpati.toml, dan alamat mana yang mengarah ke"
        " luar: merpati alias list"
    ),
    "The SMTP server answers, and refuses to relay for strangers.": (
        "Server SMTP menjawab, dan menolak meneruskan surat orang asing."
    ),
    "Other servers can be reached on port 25.": "Server lain terjangkau di porta 25.",
    "No other server can be reached on port 25: {reasons}.": (
        "Tidak ada server lain yang terjangkau di porta 25: {reasons:list}."
    ),
    "{domain} has no mail server": "{domain} tidak punya server surat",
    "Mail to other domains stays in the queue; providers often close this port.": (
        "Surat ke domain lain tertahan di antrean; penyedia sering menutup porta ini."
    ),
    "Ask your provider to open outgoing port 25, or send through a relay (routes in [outbound]).": (
        "Minta penyedia Anda membuka porta 25 keluar, atau kirim lewat relay (routes di"
        " [outbound])."
    ),
    "This server has no certificate.": "Server ini tidak punya sertifikat.",
    "Passwords and mail would go in clear; mail programs refuse to connect.": (
        "Kata sandi dan surat akan lewat tanpa enkripsi; program surat menolak menyambung."
    ),
    (
        "Set enabled = true in [acme] of merpati.toml, or name the files: certificate and key in"
        " [tls]."
    ): (
        "Setel enabled = true di [acme] pada merpati.toml, atau sebutkan berkasnya: certificate"
        " dan key di [tls]."
    ),
    "No certificate is for {host}; there is one for {names}.": (
        "Tidak ada sertifikat untuk {host}; yang ada untuk {names:list}."
    ),
    "Mail programs refuse to connect, or warn every person.": (
        "Program surat menolak menyambung, atau memperingatkan setiap orang."
    ),
    (
        "Set enabled = true in [acme] of merpati.toml, or name the files of one for {host}:"
        " certificate and key in [tls]."
    ): (
        "Setel enabled = true di [acme] pada merpati.toml, atau sebutkan berkas sertifikat untuk"
        " {host}: certificate dan key di [tls]."
    ),
    "See why it was not renewed by itself: merpati tls list": (
        "Lihat mengapa tidak diperbarui secara otomatis: merpati tls list"
    ),
    "Renew it, then let the server read it: systemctl reload merpati.": (
        "Perbarui, lalu suruh server membacanya: systemctl reload merpati."
    ),
    "Mail programs refuse to connect, and senders with a policy deliver nothing.": (
        "Program surat menolak menyambung, dan pengirim yang mengikuti kebijakan tidak"
        " mengantarkan apa pun."
    ),
    "{file} ended on {date}.": "{file:said} berakhir pada {date}.",
    "{file} is not valid before {start} UTC.": (
        "{file:said} belum berlaku sebelum {start:text} UTC."
    ),
    "See whether the clock of this machine is right: timedatectl": (
        "Periksa apakah jam mesin ini benar: timedatectl"
    ),
    "{file} ends in {days} days, on {date}.": (
        "{file:said} berakhir dalam {days} hari, pada {date}."
    ),
    "{file} ends tomorrow, on {date}.": "{file:said} berakhir besok, pada {date}.",
    "{file} ends today, on {date}.": "{file:said} berakhir hari ini, pada {date}.",
    "{file} is signed by this server itself.": (
        "{file:said} ditandatangani oleh server ini sendiri."
    ),
    "Mail programs warn every person, and nobody can tell this server from another.": (
        "Program surat memperingatkan setiap orang, dan server ini tidak dapat dibedakan dari"
        " server palsu."
    ),
    "Set enabled = true in [acme] of merpati.toml: Let's Encrypt gives one for nothing.": (
        "Setel enabled = true di [acme] pada merpati.toml: Let's Encrypt memberi sertifikat gratis."
    ),
    "{file} is good until {date}.": "{file:said} berlaku sampai {date}.",
    "Let the machine set its clock: timedatectl set-ntp true": (
        "Biarkan mesin menyetel jamnya sendiri: timedatectl set-ntp true"
    ),
    "Whether the clock is right cannot be told: {failure}": (
        "Tidak dapat diketahui apakah jamnya benar: {failure:said}"
    ),
    "With a wrong clock, signatures and certificates count as invalid.": (
        "Bila jam salah, tanda tangan dan sertifikat dianggap tidak sah."
    ),
    (
        "Let the machine set its clock: timedatectl set-ntp true, and see that it says: System"
        " clock synchronized: yes"
    ): (
        "Biarkan mesin menyetel jamnya sendiri: timedatectl set-ntp true, dan pastikan tertulis:"
        " System clock synchronized: yes"
    ),
    "The clock is right ({off} s off).": "Jam sudah benar (selisih {off} s).",
    "The clock of this machine is {off} seconds behind.": "Jam mesin ini terlambat {off} detik.",
    "The clock of this machine is {off} seconds ahead.": "Jam mesin ini lebih cepat {off} detik.",
    "The clock of this machine is {off} minutes behind.": "Jam mesin ini terlambat {off} menit.",
    "The clock of this machine is {off} minutes ahead.": "Jam mesin ini lebih cepat {off} menit.",
    "Mail bears a wrong date; with more, signatures and certificates count as invalid.": (
        "Surat bertanggal salah; bila selisihnya bertambah, tanda tangan dan sertifikat dianggap"
        " tidak sah."
    ),
    "{free} are free for {folder}.": "{free:text} tersisa untuk {folder}.",
    "Only {free} are free for {folder}, {share} of the disk.": (
        "Hanya {free:text} tersisa untuk {folder}, {share} dari cakram."
    ),
    "A server without room refuses all mail until there is some.": (
        "Server yang kehabisan ruang menolak semua surat sampai ada ruang lagi."
    ),
    "Make room, or give the disk more; see what takes it: {command}": (
        "Kosongkan ruang, atau perbesar cakramnya; lihat apa yang memakainya: {command:text}"
    ),
    "After a broken disk, a fire or a wrong command, mail would be gone for good.": (
        "Setelah cakram rusak, kebakaran, atau salah perintah, surat akan hilang selamanya."
    ),
    "No regular backups are set up.": "Belum ada cadangan rutin.",
    "Set target (a folder on another disk) or bucket in [backup] of merpati.toml.": (
        "Setel target (folder di cakram lain) atau bucket di [backup] pada merpati.toml."
    ),
    "No backup has come to {target} yet: {problem}.": (
        "Belum ada cadangan yang sampai ke {target}: {problem:said}."
    ),
    "No backup has come to {target} yet.": "Belum ada cadangan yang sampai ke {target}.",
    "Try it: merpati backup": "Cobalah: merpati backup",
    "The last good backup is {days} days old.": "Cadangan baik terakhir berumur {days} hari.",
    "The last good backup is {days} days old. {problem}.": (
        "Cadangan baik terakhir berumur {days} hari. {problem:said}."
    ),
    "See why: merpati backup list; then: merpati backup": (
        "Lihat sebabnya: merpati backup list; lalu: merpati backup"
    ),
    "The last backup has a problem: {problem}.": "Cadangan terakhir bermasalah: {problem:said}.",
    "Try again: merpati backup, merpati backup verify": (
        "Coba lagi: merpati backup, merpati backup verify"
    ),
    "The backup has not been verified yet.": "Cadangan belum diuji.",
    "A disk can lose what it took.": "Cakram bisa kehilangan apa yang telah disimpannya.",
    "merpati backup verify": "merpati backup verify",
    "The last backup is {hours} hours old, and was verified.": (
        "Cadangan terakhir berumur {hours} jam, dan sudah diuji."
    ),
    "No block list has the addresses of this server.": (
        "Alamat server ini tidak ada di daftar blokir mana pun."
    ),
    "The block list {zone} does not answer your resolver.": (
        "Daftar blokir {zone} tidak menjawab resolver Anda."
    ),
    "The block list {zone} does not answer your resolver: {failure}.": (
        "Daftar blokir {zone} tidak menjawab resolver Anda: {failure:said}."
    ),
    "Whether {subject} is on it cannot be told from here.": (
        "Apakah {subject} ada di sana tidak dapat diketahui dari sini."
    ),
    (
        "Use a resolver of your own (nameservers in [dns]) instead of a public one, or take the"
        " list out of [doctor]."
    ): (
        "Pakai resolver sendiri (nameservers di [dns]), bukan yang umum, atau keluarkan daftar"
        " itu dari [doctor]."
    ),
    '{subject} is on the block list {zone}: "{reason}".': (
        '{subject} ada di daftar blokir {zone}: "{reason}".'
    ),
    "{subject} is on the block list {zone}.": "{subject} ada di daftar blokir {zone}.",
    "Servers that use this list refuse your mail.": (
        "Server yang memakai daftar ini menolak surat Anda."
    ),
    (
        "Find what sent spam and stop it (merpati queue list, merpati trace), then ask for"
        " removal: {where}"
    ): (
        "Temukan apa yang mengirim spam dan hentikan (merpati queue list, merpati trace), lalu"
        " minta dihapus dari daftar: {where:said}"
    ),
    "see the pages of {zone}": "lihat halaman {zone}",
}
