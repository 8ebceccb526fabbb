"""`merpati dns`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    """\
The DNS records to publish for a domain, as a table or as a zone file.

Mail reaches the domain by MX; SPF, DKIM, DMARC and PTR make others believe it; MTA-STS and
TLSA keep it encrypted; SRV records let mail programs find the server by themselves.""": """\
Catatan DNS yang perlu diterbitkan untuk sebuah domain, sebagai tabel atau berkas zona.

Surat sampai ke domain lewat MX; SPF, DKIM, DMARC, dan PTR membuat pihak lain memercayainya;
MTA-STS dan TLSA menjaganya tetap terenkripsi; catatan SRV membuat program surat menemukan
server dengan sendirinya.""",
    "print a zone file": "cetak berkas zona",
    "put them into the zone, by the server of [dns_update]": (
        "masukkan ke zona, lewat server dari [dns_update]"
    ),
    "no name server takes updates: set server in [dns_update] of merpati.toml": (
        "tidak ada server nama yang menerima pembaruan: setel server di [dns_update]"
        " pada merpati.toml"
    ),
    "{number} records were put into the zone {zone}.": (
        "{number} catatan dimasukkan ke zona {zone}."
    ),
    "Left as it is in the DNS; wanted: {record}": (
        "Dibiarkan seperti adanya di DNS; yang diinginkan: {record:text}"
    ),
    "See what is missing: {command}": "Lihat apa yang kurang: {command:text}",
}
