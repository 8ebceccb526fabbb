"""What the doctor finds about MTA-STS, TLS-RPT and TLSA, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "{place} is broken: {fault}": "{place} rusak: {fault:said}",
    "The MTA-STS record has no id of 1 to 32 letters and digits.": (
        "Catatan MTA-STS tidak punya id dari 1 sampai 32 huruf dan angka."
    ),
    "The TLS reporting record has no rua with mailto: or https:.": (
        "Catatan laporan TLS tidak punya rua dengan mailto: atau https:."
    ),
    "Senders act as if there were no policy; an attacker can have mail in clear.": (
        "Pengirim bertindak seolah-olah tidak ada kebijakan; penyerang bisa mendapat surat tanpa"
        " enkripsi."
    ),
    "Gmail and others deliver nothing to a host that the policy does not name.": (
        "Gmail dan lainnya tidak mengantarkan apa pun ke host yang tidak disebut kebijakan."
    ),
    (
        "The MTA-STS record at {place} announces the policy {announced}, and the one here is {own}."
    ): "Catatan MTA-STS di {place} mengumumkan kebijakan {announced}, padahal yang di sini {own}.",
    "The MTA-STS record at {place} is missing.": "Catatan MTA-STS di {place} tidak ada.",
    "Senders keep to an old policy.": "Pengirim berpegang pada kebijakan lama.",
    "{domain} publishes its MTA-STS policy, {mode}.": (
        "{domain} menerbitkan kebijakan MTA-STS-nya, {mode}."
    ),
    "Remove the record {place}, or let this server host the policy: {command}": (
        "Hapus catatan {place}, atau biarkan server ini menyajikan kebijakannya: {command:text}"
    ),
    (
        "{place} announces an MTA-STS policy that this server does not host, and that cannot be"
        " fetched: {failure}"
    ): (
        "{place} mengumumkan kebijakan MTA-STS yang tidak disajikan server ini, dan yang tidak"
        " dapat diambil: {failure:said}"
    ),
    (
        "{place} announces an MTA-STS policy that this server does not host, and that cannot be"
        " fetched."
    ): (
        "{place} mengumumkan kebijakan MTA-STS yang tidak disajikan server ini, dan yang tidak"
        " dapat diambil."
    ),
    "Senders ask for it in vain, and those who know an old one keep to it.": (
        "Pengirim memintanya dengan sia-sia, dan yang mengenal kebijakan lama tetap memakainya."
    ),
    "The MTA-STS policy of {domain}, served elsewhere, names {host}.": (
        "Kebijakan MTA-STS {domain}, yang disajikan di tempat lain, menyebut {host}."
    ),
    "The MTA-STS policy of {domain}, served elsewhere, does not name {host}.": (
        "Kebijakan MTA-STS {domain}, yang disajikan di tempat lain, tidak menyebut {host}."
    ),
    "The MTA-STS policy of {domain} cannot be fetched: {failure}": (
        "Kebijakan MTA-STS {domain} tidak dapat diambil: {failure:said}"
    ),
    (
        "See that port 443 of this server can be reached, and that a certificate names {host}:"
        " merpati tls list"
    ): (
        "Pastikan porta 443 server ini terjangkau, dan ada sertifikat yang menyebut {host}:"
        " merpati tls list"
    ),
    "Others fetch another MTA-STS policy of {domain}: {mode}, for {hosts}.": (
        "Pihak lain mengambil kebijakan MTA-STS {domain} yang berbeda: {mode}, untuk {hosts:list}."
    ),
    "Senders keep to that one, and deliver nothing here once it says enforce.": (
        "Pengirim memegang yang itu, dan tidak mengantarkan apa pun ke sini begitu isinya enforce."
    ),
    "See which web server answers for {host}; it must be this one.": (
        "Lihat server web mana yang menjawab untuk {host}; seharusnya server ini."
    ),
    "{host} has no address, so the policy cannot be fetched.": (
        "{host} tidak punya alamat, sehingga kebijakannya tidak dapat diambil."
    ),
    "{host} leads to {addresses}, not to this server.": (
        "{host} mengarah ke {addresses:list}, bukan ke server ini."
    ),
    "Senders fetch another policy than yours, or none.": (
        "Pengirim mengambil kebijakan lain dari milik Anda, atau tidak mendapat apa pun."
    ),
    "The MTA-STS policy of {domain} does not name {hosts}, to which its MX records lead.": (
        "Kebijakan MTA-STS {domain} tidak menyebut {hosts:list}, tujuan catatan MX-nya."
    ),
    "Once the policy is enforced, Gmail and others deliver nothing there.": (
        "Begitu kebijakan diberlakukan, Gmail dan lainnya tidak mengantarkan apa pun ke sana."
    ),
    "Remove those MX records, or name the hosts in the policy.": (
        "Hapus catatan MX itu, atau sebutkan host-nya dalam kebijakan."
    ),
    "The MTA-STS policy of {domain} is enforced, and no authority certifies {host}.": (
        "Kebijakan MTA-STS {domain} berlaku, tetapi {host} tidak punya sertifikat dari otoritas."
    ),
    "Gmail and others deliver nothing to a server whose certificate they cannot verify.": (
        "Gmail dan lainnya tidak mengantarkan apa pun ke server yang sertifikatnya tidak dapat"
        " diverifikasi."
    ),
    (
        "Set enabled = true in [acme] of merpati.toml; until there is a certificate, type:"
        " {command}"
    ): (
        "Setel enabled = true di [acme] pada merpati.toml; sampai ada sertifikat,"
        " ketik: {command:text}"
    ),
    "You do not hear when others cannot deliver because of your certificate or policy.": (
        "Anda tidak tahu bila pihak lain gagal mengantarkan karena sertifikat atau kebijakan Anda."
    ),
    "{domain} asks for no reports about TLS.": "{domain} tidak meminta laporan tentang TLS.",
    "{count} records stand at {place}.": "Ada {count} catatan di {place}.",
    "Reports about TLS go to {addresses}.": "Laporan tentang TLS dikirim ke {addresses:list}.",
    "The TLSA record at {place} does not fit the key of this server's certificate.": (
        "Catatan TLSA di {place} tidak cocok dengan kunci sertifikat server ini."
    ),
    (
        "Senders that check it (Outlook, Comcast, many in Germany and the Netherlands) deliver"
        " nothing."
    ): (
        "Pengirim yang memeriksanya (Outlook, Comcast, banyak di Jerman dan Belanda) tidak"
        " mengantarkan apa pun."
    ),
    (
        "The TLSA record at {place} is not vouched for by DNSSEC, as far as your resolver says."
    ): "Catatan TLSA di {place} tidak dijamin DNSSEC, menurut resolver Anda.",
    "Senders pass over a TLSA record without DNSSEC.": (
        "Pengirim mengabaikan catatan TLSA tanpa DNSSEC."
    ),
    (
        "Switch DNSSEC on for the zone of {host}; or ask a resolver that validates (nameservers"
        " in [dns])."
    ): (
        "Nyalakan DNSSEC untuk zona {host}; atau pakai resolver yang memvalidasi (nameservers di"
        " [dns])."
    ),
    "The TLSA record at {place} fits this server's key.": (
        "Catatan TLSA di {place} cocok dengan kunci server ini."
    ),
}
