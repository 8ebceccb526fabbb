"""What the doctor finds about addresses, PTR, MX, SRV and CAA, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "{name} is no name of the public DNS.": "{name} bukan nama di DNS publik.",
    (
        "Other servers look up the name this server greets with, and refuse its mail when there"
        " is none."
    ): (
        "Server lain memeriksa nama yang dipakai server ini untuk menyapa, dan menolak suratnya"
        " bila nama itu tidak ada."
    ),
    "Set hostname in [server] of merpati.toml to a name of yours, as in {example}.": (
        "Setel hostname di [server] pada merpati.toml ke nama milik Anda, misalnya {example:text}."
    ),
    "{name} has no address in the DNS.": "{name} tidak punya alamat di DNS.",
    (
        "Nobody can connect to this server by its name, and many servers refuse mail from a host"
        " whose name leads nowhere."
    ): (
        "Tidak ada yang dapat menyambung ke server ini lewat namanya, dan banyak server menolak"
        " surat dari host yang namanya tidak mengarah ke mana pun."
    ),
    "Publish: {record}": "Terbitkan: {record:text}",
    "Publish: {record} <IPv4 address of this server>": (
        "Terbitkan: {record:text} <alamat IPv4 server ini>"
    ),
    "{name} leads to {addresses}, which is of a private network.": (
        "{name} mengarah ke {addresses:list}, alamat jaringan privat."
    ),
    "Other servers cannot connect there.": "Server lain tidak dapat menyambung ke sana.",
    "Publish the address that others see instead: {record} <public address>": (
        "Terbitkan alamat yang dilihat pihak lain: {record:text} <alamat publik>"
    ),
    "This machine sends from {source}, but {name} leads to {addresses}.": (
        "Mesin ini mengirim dari {source}, tetapi {name} mengarah ke {addresses:list}."
    ),
    (
        "Receivers compare the name in the greeting with the address that mail comes from, and"
        " distrust a server where they differ."
    ): (
        "Penerima membandingkan nama dalam sapaan dengan alamat asal surat, dan tidak"
        " memercayai server bila keduanya berbeda."
    ),
    "{name} leads to {addresses}.": "{name} mengarah ke {addresses:list}.",
    "{name} is an alias (CNAME) of {target}.": "{name} adalah alias (CNAME) dari {target}.",
    ("An MX record must not lead to an alias (RFC 2181 10.3); some servers do not deliver then."): (
        "Catatan MX tidak boleh mengarah ke alias (RFC 2181 10.3); sebagian server lalu tidak"
        " mengantarkan surat."
    ),
    "Replace the CNAME by the addresses: {record} <IPv4 address of this server>": (
        "Ganti CNAME dengan alamatnya: {record:text} <alamat IPv4 server ini>"
    ),
    (
        "Ask whoever gave you {address} to let it lead to {host}; providers call it reverse DNS,"
        " PTR or rDNS."
    ): (
        "Minta pihak yang memberi Anda {address} untuk mengarahkannya ke {host}; penyedia"
        " menyebutnya reverse DNS, PTR, atau rDNS."
    ),
    "{address} has no name (no PTR record).": "{address} tidak punya nama (tanpa catatan PTR).",
    "Gmail, Outlook and many others refuse mail from an address without a name.": (
        "Gmail, Outlook, dan banyak lainnya menolak surat dari alamat tanpa nama."
    ),
    "{address} leads back to {host}.": "{address} mengarah kembali ke {host}.",
    "{address} leads to {names}, not to {host}.": (
        "{address} mengarah ke {names:list}, bukan ke {host}."
    ),
    (
        "The name of the address and the name in the greeting should be one; some servers take"
        " the difference for a sign of spam."
    ): (
        "Nama alamat dan nama dalam sapaan sebaiknya sama; sebagian server menganggap perbedaan"
        " itu tanda spam."
    ),
    "{address} leads to {names}, which does not lead back to {address}.": (
        "{address} mengarah ke {names:list}, yang tidak mengarah kembali ke {address}."
    ),
    (
        "Anybody can give an address any name; one that does not lead back counts as none, and"
        " many servers refuse mail then."
    ): (
        "Siapa pun dapat memberi nama apa saja pada sebuah alamat; nama yang tidak mengarah"
        " kembali dianggap tidak ada, dan banyak server lalu menolak surat."
    ),
    (
        "Mail for {domain} goes to {first} first, and to this server, {host}, only when that does"
        " not answer."
    ): (
        "Surat untuk {domain} pergi ke {first} dahulu, dan ke server ini, {host}, hanya bila yang"
        " itu tidak menjawab."
    ),
    "Unless that host passes it on, mail does not arrive here.": (
        "Bila host itu tidak meneruskannya, surat tidak sampai ke sini."
    ),
    "Give the MX record of this server the lowest number, if it is to come first.": (
        "Beri catatan MX server ini angka terkecil, bila server ini seharusnya yang pertama."
    ),
    "Mail for {domain} goes to {hosts}.": "Surat untuk {domain} pergi ke {hosts:list}.",
    "{domain} does not exist in the DNS.": "{domain} tidak ada di DNS.",
    "No mail can come or go for a domain that nobody finds.": (
        "Surat tidak dapat masuk atau keluar untuk domain yang tidak ditemukan siapa pun."
    ),
    "See whether {domain} is registered and paid for, and its name servers are set.": (
        "Periksa apakah {domain} terdaftar dan lunas, dan server namanya sudah diisi."
    ),
    "{domain} has no MX record.": "{domain} tidak punya catatan MX.",
    (
        "Other servers do not know where its mail goes; some try the address of its web server"
        " instead."
    ): (
        "Server lain tidak tahu ke mana suratnya harus pergi; sebagian mencoba alamat server"
        " webnya."
    ),
    '{domain} declares that it takes no mail (MX 0 ".").': (
        '{domain} menyatakan tidak menerima surat (MX 0 ".").'
    ),
    "Other servers return every message for it to its sender at once (RFC 7505).": (
        "Server lain langsung mengembalikan setiap pesan untuknya kepada pengirim (RFC 7505)."
    ),
    "Remove that record. {publish}": "Hapus catatan itu. {publish:said}",
    "An MX record of {domain} leads to {hosts}, an address where a name must stand.": (
        "Catatan MX {domain} mengarah ke {hosts:list}, sebuah alamat, padahal harus berupa nama."
    ),
    "Other servers look for a host of that name and find none.": (
        "Server lain mencari host dengan nama itu dan tidak menemukannya."
    ),
    "Publish: {record} Remove the other one.": "Terbitkan: {record:text} Hapus yang lain.",
    "Mail for {domain} goes to {hosts}, not to this server, {host}.": (
        "Surat untuk {domain} pergi ke {hosts:list}, bukan ke server ini, {host}."
    ),
    "It does not arrive here.": "Surat itu tidak sampai ke sini.",
    "Publish: {record} Remove the other MX records once mail is to come here.": (
        "Terbitkan: {record:text} Hapus catatan MX lain setelah surat memang harus ke sini."
    ),
    "An MX record of {domain} leads to {host}, which has no address.": (
        "Catatan MX {domain} mengarah ke {host}, yang tidak punya alamat."
    ),
    "Mail that is sent there is delayed, or returned when no other host takes it.": (
        "Surat yang dikirim ke sana tertunda, atau dikembalikan bila tidak ada host lain yang"
        " menerimanya."
    ),
    "Remove that MX record, or publish an address for {host}.": (
        "Hapus catatan MX itu, atau terbitkan alamat untuk {host}."
    ),
    "{domain} has no SRV records for {services}.": (
        "{domain} tidak punya catatan SRV untuk {services:list}."
    ),
    "Mail programs then ask people for the name and port of the server.": (
        "Program surat lalu menanyakan nama dan porta server kepada pemakainya."
    ),
    "Publish the SRV lines of: {command}": "Terbitkan baris SRV dari: {command:text}",
    "Mail programs find the services of {domain}.": "Program surat menemukan layanan {domain}.",
    "The SRV record {name} leads to {there}, but {service} is at {place}.": (
        "Catatan SRV {name} mengarah ke {there}, padahal {service} ada di {place}."
    ),
    "The SRV record {name} leads to {there}, but {service} is not offered.": (
        "Catatan SRV {name} mengarah ke {there}, padahal {service} tidak disediakan."
    ),
    "Mail programs that follow it cannot connect.": (
        "Program surat yang mengikutinya tidak dapat menyambung."
    ),
    "Remove the SRV record {name}.": "Hapus catatan SRV {name}.",
    "The CAA records of {name} allow {issuer}.": "Catatan CAA {name} mengizinkan {issuer}.",
    (
        "The CAA records of {name} allow nobody to issue certificates, and this server's are of"
        " {issuer}."
    ): (
        "Catatan CAA {name} tidak mengizinkan siapa pun menerbitkan sertifikat, padahal sertifikat"
        " server ini dari {issuer}."
    ),
    (
        "The CAA records of {name} allow only {others} to issue certificates, and this server's"
        " are of {issuer}."
    ): (
        "Catatan CAA {name} hanya mengizinkan {others:list} menerbitkan sertifikat, padahal"
        " sertifikat server ini dari {issuer}."
    ),
    (
        "The next certificate of this server cannot be issued, and mail programs refuse to"
        " connect once the present one has ended."
    ): (
        "Sertifikat server ini yang berikutnya tidak dapat diterbitkan, dan program surat menolak"
        " menyambung setelah yang sekarang berakhir."
    ),
}
