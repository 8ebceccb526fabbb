"""Why mail from outside was judged as it was (SPF, DKIM, DMARC), in Indonesian.

The trace shows these sentences, and the doctor those about our own SPF record.
"""

from __future__ import annotations

from typing import Final

_DECIDED: Final = {
    "DMARC passes: {reason}": "DMARC lolos: {reason:said}",
    "DMARC fails: {reason}": "DMARC gagal: {reason:said}",
    "SPF fails: {reason}": "SPF gagal: {reason:said}",
    "there is nothing to check": "tidak ada yang dapat diperiksa",
    "{why}; {domain} does not ask to do anything about it": (
        "{why:said}; {domain} tidak meminta tindakan apa pun"
    ),
    "{reason}; but {domain} does not ask to do anything about it": (
        "{reason:said}; tetapi {domain} tidak meminta tindakan apa pun"
    ),
    "{why}; but it comes through the trusted mailing list {name}": (
        "{why:said}; tetapi pesan ini datang lewat milis tepercaya {name}"
    ),
    "{why}; {domain} asks to {policy} such mail, but it comes through the mailing list {name}": (
        "{why:said}; {domain} meminta {policy} untuk surat seperti itu, tetapi pesan ini datang"
        " lewat milis {name}"
    ),
    "{why}; {domain} asks to reject such mail": (
        "{why:said}; {domain} meminta agar surat seperti itu ditolak"
    ),
    "{why}; {domain} asks to quarantine such mail": (
        "{why:said}; {domain} meminta agar surat seperti itu dikarantina"
    ),
    "{reason}; but SPF or DKIM vouches for {domain} itself": (
        "{reason:said}; tetapi SPF atau DKIM menjamin {domain} sendiri"
    ),
    "{why}; but {peer} is a trusted forwarder": "{why:said}; tetapi {peer} penerus tepercaya",
    "{why}; but the ARC seal of {sealer}, which is trusted, says that it was genuine": (
        "{why:said}; tetapi segel ARC dari {sealer}, yang dipercaya, menyatakan pesan itu asli"
    ),
}
_DMARC: Final = {
    "SPF vouches for {spf} and DKIM vouches for {dkim}": (
        "SPF menjamin {spf} dan DKIM menjamin {dkim}"
    ),
    "SPF vouches for {spf}": "SPF menjamin {spf}",
    "DKIM vouches for {dkim}": "DKIM menjamin {dkim}",
    "nothing vouches for {author}: {spf}, and {dkim}": (
        "tidak ada yang menjamin {author}: {spf:said}, dan {dkim:said}"
    ),
    "SPF passed for {domain}, which is not of its organization": (
        "SPF lolos untuk {domain}, yang bukan dari organisasinya"
    ),
    "SPF says {verdict}": "SPF menyatakan {verdict}",
    "the signature is that of {domain}, which is not either": (
        "tanda tangannya dari {domain}, yang juga bukan"
    ),
    "the DKIM signature is not valid ({reason})": ("tanda tangan DKIM tidak sah ({reason:said})"),
    "there is no DKIM signature": "tidak ada tanda tangan DKIM",
    "neither {domain} nor a domain above it has a DMARC policy": (
        "{domain} maupun domain di atasnya tidak punya kebijakan DMARC"
    ),
    "the DMARC record of {domain} is wrong: {problems}": (
        "catatan DMARC {domain} salah: {problems:said}"
    ),
    "the DMARC record of {domain} could not be read: {failure}": (
        "catatan DMARC {domain} tidak terbaca: {failure:said}"
    ),
    "whether {domain} exists is not known: {failure}": (
        "tidak diketahui apakah {domain} ada: {failure:said}"
    ),
    "SPF could not be checked: {reason}": "SPF tidak dapat diperiksa: {reason:said}",
    "DKIM could not be checked: {reason}": "DKIM tidak dapat diperiksa: {reason:said}",
}
_DKIM: Final = {
    "the signature expired on {moment} UTC": "tanda tangannya kedaluwarsa pada {moment:text} UTC",
    "the key at {name} is of no use: {fault}": "kunci di {name} tidak berguna: {fault:said}",
    "the key at {name} was revoked": "kunci di {name} sudah dicabut",
    "the key at {name} is for {kind}": "kunci di {name} untuk {kind}",
    "the key at {name} does not allow {digest}": "kunci di {name} tidak mengizinkan {digest}",
    "the key at {name} is not for mail": "kunci di {name} bukan untuk surat",
    "an RSA key of {bits} bits is too short to prove anything (RFC 8301)": (
        "kunci RSA {bits} bit terlalu pendek untuk membuktikan apa pun (RFC 8301)"
    ),
    "the key does not serve identities below its domain (t=s)": (
        "kuncinya tidak berlaku untuk identitas di bawah domainnya (t=s)"
    ),
    "the signature does not match: signed fields were changed, or it is forged": (
        "tanda tangannya tidak cocok: bagian yang ditandatangani diubah, atau dipalsukan"
    ),
    "{reason}; the domain is only testing DKIM": ("{reason:said}; domain itu baru mencoba DKIM"),
}
_SPF: Final = {
    "{whose} allows {ip} by {term}": "{whose:said} mengizinkan {ip} lewat {term:text}",
    "{whose} forbids it: {ip} fits {term}": (
        "{whose:said} melarangnya: {ip} cocok dengan {term:text}"
    ),
    "{whose} doubts it: {ip} fits {term}": (
        "{whose:said} meragukannya: {ip} cocok dengan {term:text}"
    ),
    "{whose} says nothing about it: {ip} fits {term}": (
        "{whose:said} tidak menyebutnya: {ip} cocok dengan {term:text}"
    ),
    "{whose} lists no host: {rest}": "{whose:said} tidak menyebut host: {rest:said}",
    "{whose} lists {term}; {ip} does not fit, and {rest}": (
        "{whose:said} menyebut {term:text}; {ip} tidak cocok, dan {rest:said}"
    ),
    "{whose} lists {terms}; {ip} is not among them, and {rest}": (
        "{whose:said} menyebut {terms:list}; {ip} tidak termasuk, dan {rest:said}"
    ),
    "the SPF record of {domain}, to which {asked} redirects,": (
        "catatan SPF {domain}, tujuan pengalihan dari {asked},"
    ),
    "the SPF record of {domain}": "catatan SPF {domain}",
    "it allows all hosts (+all)": "ia mengizinkan semua host (+all)",
    "it forbids all other hosts (-all)": "ia melarang semua host lain (-all)",
    "it doubts all other hosts (~all)": "ia meragukan semua host lain (~all)",
    "it says nothing about other hosts (?all)": "ia tidak menyebut host lain (?all)",
    'it says nothing about other hosts (it has no "all")': (
        'ia tidak menyebut host lain (tidak ada "all")'
    ),
    "no host may send for it": "tidak ada host yang boleh mengirim untuknya",
    "{domain} publishes no SPF record": "{domain} tidak menerbitkan catatan SPF",
    "the SPF record of {domain} cannot be read at the moment: {failure}": (
        "catatan SPF {domain} saat ini tidak terbaca: {failure:said}"
    ),
    "the SPF record of {domain} needs more than {most} look-ups": (
        "catatan SPF {domain} memerlukan lebih dari {most} pencarian"
    ),
    "the SPF record of {domain} needs more than {most} look-ups (at {at})": (
        "catatan SPF {domain} memerlukan lebih dari {most} pencarian (di {at})"
    ),
}
PHRASES: Final[dict[str, str]] = {**_DECIDED, **_DMARC, **_DKIM, **_SPF}
