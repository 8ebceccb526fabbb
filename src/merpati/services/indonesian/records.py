"""What DNS records are for (`services/diagnose/publish.py`), in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "where this server is": "letak server ini",
    "mail for the domain comes here": "surat untuk domain ini datang ke sini",
    "SPF: only this server sends for the domain": (
        "SPF: hanya server ini yang mengirim untuk domain ini"
    ),
    "SPF for bounces, which have no sender": "SPF untuk surat pantulan, yang tidak berpengirim",
    "DKIM: the key that signs now": "DKIM: kunci yang menandatangani sekarang",
    "DKIM: the key that signs next": "DKIM: kunci yang menandatangani berikutnya",
    "DMARC: reports only at first; p=quarantine once they look right": (
        "DMARC: mula-mula hanya laporan; p=quarantine setelah laporannya tampak beres"
    ),
    "TLS-RPT: others report when encryption failed": (
        "TLS-RPT: pihak lain melapor bila enkripsi gagal"
    ),
    "MTA-STS: announces the policy that this server hosts": (
        "MTA-STS: mengumumkan kebijakan yang disajikan server ini"
    ),
    "MTA-STS: where the policy is fetched": "MTA-STS: tempat kebijakan diambil",
    "DANE: this server's key; counts in zones with DNSSEC only": (
        "DANE: kunci server ini; hanya berlaku di zona dengan DNSSEC"
    ),
    "only this authority certifies the host": (
        "hanya otoritas ini yang menerbitkan sertifikat untuk host ini"
    ),
    "lets mail programs find the server": "agar program surat menemukan server ini",
    "settings for Thunderbird and its kin": "pengaturan untuk Thunderbird dan sejenisnya",
    "settings for Outlook and phones": "pengaturan untuk Outlook dan ponsel",
    "<IPv4 address of this server>": "<alamat IPv4 server ini>",
    "<IPv6 address of this server, if it has one>": "<alamat IPv6 server ini, bila ada>",
    (
        "PTR: whoever gave you the address must let it lead back to {host}; without that, large"
        " providers refuse your mail."
    ): (
        "PTR: pihak yang memberi Anda alamat IP harus mengarahkannya kembali ke {host}; tanpa itu"
        " penyedia besar menolak surat Anda."
    ),
    (
        "CAA: if {domain} has CAA records, they must allow the issuer of your certificate, such"
        " as {example}."
    ): (
        "CAA: bila {domain} punya catatan CAA, catatan itu harus mengizinkan penerbit sertifikat"
        " Anda, misalnya {example:text}."
    ),
    (
        "DKIM: the server makes its keys when it first runs; publish them too, they are shown"
        " then by: {command}"
    ): (
        "DKIM: server membuat kuncinya saat pertama kali berjalan; terbitkan juga kunci itu,"
        " yang nanti ditampilkan oleh: {command:text}"
    ),
}
