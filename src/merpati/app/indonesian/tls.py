"""`merpati tls`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "Certificates, MTA-STS policies, and what other domains demand of mail sent to them.\n\n"
        "tls list                        certificates, their end, and the TLSA record of each\n"
        "tls renew NAME                  order the next certificate of a name now\n"
        "tls policy DOMAIN               what is verified when mail goes to a domain, and why\n"
        "tls mta-sts DOMAIN MODE         host an MTA-STS policy: testing, enforce, none, or"
        " remove\n"
        "tls reports [DOMAIN]            what others report about TLS with our domains"
    ): (
        "Sertifikat, kebijakan MTA-STS, dan tuntutan domain lain atas surat yang dikirim"
        " kepadanya.\n\n"
        "tls list                        sertifikat, masa berlakunya, dan catatan TLSA"
        " masing-masing\n"
        "tls renew NAME                  pesan sekarang sertifikat berikutnya untuk sebuah nama\n"
        "tls policy DOMAIN               apa yang diperiksa bila surat dikirim ke sebuah"
        " domain, dan sebabnya\n"
        "tls mta-sts DOMAIN MODE         sediakan kebijakan MTA-STS: testing, enforce, none,"
        " atau remove\n"
        "tls reports [DOMAIN]            laporan pihak lain tentang TLS dengan domain kita"
    ),
    "certificates, their end, and the TLSA record of each": (
        "sertifikat, masa berlakunya, dan catatan TLSA masing-masing"
    ),
    "order the next certificate of a name now": (
        "pesan sekarang sertifikat berikutnya untuk sebuah nama"
    ),
    "what is verified when mail goes to a domain, and why": (
        "apa yang diperiksa bila surat dikirim ke sebuah domain, dan sebabnya"
    ),
    "host an MTA-STS policy for a domain of yours": (
        "sediakan kebijakan MTA-STS untuk sebuah domain Anda"
    ),
    "what others report about TLS with your domains": (
        "laporan pihak lain tentang TLS dengan domain Anda"
    ),
    "at most so many reports": "paling banyak sekian laporan",
    "to tell them in": "bahasa penjelasannya",
    "by hand": "dengan tangan",
    "next order": "pesanan berikutnya",
    "No certificate: see [tls].": "Tidak ada sertifikat: lihat [tls].",
    "no certificate of {name} was ever ordered; see: merpati tls list": (
        "sertifikat {name} belum pernah dipesan; lihat: merpati tls list"
    ),
    "The next certificate of {name} is ordered now, if the server runs.": (
        "Sertifikat berikutnya untuk {name} dipesan sekarang, bila server berjalan."
    ),
    "no policy is hosted for {name}": "tidak ada kebijakan untuk {name}",
    "No policy is hosted for {name} any more. Take its record away too, but": (
        "Kebijakan untuk {name} tidak disediakan lagi. Cabut juga catatannya, tetapi"
    ),
    "first host one with the mode none for as long as the last one was to be kept.": (
        "sediakan dahulu kebijakan dengan mode none selama masa simpan kebijakan yang terakhir."
    ),
    "The MTA-STS policy of {name} is served. Publish:": (
        "Kebijakan MTA-STS {name} disediakan. Terbitkan:"
    ),
    "No report yet. Domains get them once they publish _smtp._tls: see merpati dns": (
        "Belum ada laporan. Laporan datang setelah domain menerbitkan _smtp._tls: lihat merpati dns"
    ),
    "TLS is on and no certificate is set.": (
        "TLS dinyalakan tetapi tidak ada sertifikat yang disetel."
    ),
    "The TLS certificate {file} is not a PEM certificate.": (
        "Sertifikat TLS {file:text} bukan sertifikat PEM."
    ),
    "The TLS certificate {file} cannot be used: {reason}.": (
        "Sertifikat TLS {file:text} tidak dapat dipakai: {reason:text}."
    ),
    "The TLS bundle client_ca {file} has no PEM certificate.": (
        "Berkas TLS client_ca {file:text} tidak berisi sertifikat PEM."
    ),
    "The TLS {what} {file} cannot be read: {reason}.": (
        "Berkas TLS {what} {file:text} tidak terbaca: {reason:text}."
    ),
    "The certificate {file} is not a PEM certificate.": (
        "Sertifikat {file:text} bukan sertifikat PEM."
    ),
    "The certificate {file} cannot be read: {reason}.": (
        "Sertifikat {file:text} tidak terbaca: {reason:text}."
    ),
    "{file} holds a secret and its mode {mode} is too open: chmod 600 {same}": (
        "{file:text} berisi rahasia dan modenya {mode} terlalu terbuka: chmod 600 {same:text}"
    ),
    "{file} exists already; move it away first.": "{file:text} sudah ada; pindahkan dahulu.",
}
