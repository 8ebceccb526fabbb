"""`merpati webhook`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "Programs that are told of what happens, by signed requests over HTTPS (Standard"
        " Webhooks).\n\n"
        "Kinds: message.received, message.accepted, message.delivered, message.deferred,\n"
        "message.bounced, message.suppressed, account.new-network, alert.opened, alert.closed,\n"
        "complaint.received."
    ): (
        "Program yang diberi tahu tentang apa yang terjadi, dengan permintaan HTTPS bertanda"
        " tangan\n"
        "(Standard Webhooks).\n\n"
        "Jenis: message.received, message.accepted, message.delivered, message.deferred,\n"
        "message.bounced, message.suppressed, account.new-network, alert.opened, alert.closed,\n"
        "complaint.received."
    ),
    "tell a program": "beri tahu sebuah program",
    "kinds, or all": "jenis, atau all",
    "all webhooks": "semua webhook",
    "a webhook, and what it was told last": "sebuah webhook, dan kabar terakhir yang dikirim",
    "switch a webhook on or off, or change its kinds": (
        "nyalakan atau matikan webhook, atau ubah jenisnya"
    ),
    "tell a program nothing more": "berhenti memberi tahu sebuah program",
    "have a program told that this is a test; the server must run": (
        "kirimi program sebuah percobaan; server harus berjalan"
    ),
    "the kinds are {kinds}, or all": "jenis yang ada {kinds:text}, atau all",
    "Webhook {id}: {url} is told.": "Webhook {id}: {url} diberi tahu.",
    "Its secret, shown only now: {secret}": "Rahasianya, hanya ditampilkan sekarang: {secret}",
    "kinds": "jenis",
    "how it goes": "keadaan",
    "No webhook yet: merpati webhook add URL EVENT...": (
        "Belum ada webhook: merpati webhook add URL EVENT..."
    ),
    "Told of: {kinds}": "Dikabari: {kinds:text}",
    "It was told nothing yet.": "Belum ada kabar yang dikirim.",
    "Webhook {id} is removed.": "Webhook {id} sudah dihapus.",
    "It waits to be told: is the server running?": (
        "Masih menunggu dikirim: apakah server berjalan?"
    ),
    "off, for it had taken nothing for days": "mati, karena berhari-hari tidak menerima apa pun",
    "off": "mati",
    "fails since {time}: {problem}": "gagal sejak {time:text}: {problem:said}",
    "told at {time}": "dikabari {time:text}",
    "told nothing yet": "belum dikabari",
    "{problem}; again at {time}": "{problem:said}; lagi pada {time:text}",
    "{problem}; given up": "{problem:said}; menyerah",
    "taken ({status})": "diterima ({status})",
    "waits": "menunggu",
    "{url}: {standing}": "{url}: {standing:said}",
    "there is no webhook {id}; see: merpati webhook list": (
        "tidak ada webhook {id}; lihat: merpati webhook list"
    ),
    "there are at most {most} webhooks": "paling banyak {most} webhook",
    "this webhook is switched off; switch it on first": "webhook ini mati; nyalakan dahulu",
    "{host} is this machine: set loopback = true in [webhooks] to allow it": (
        "{host} adalah mesin ini: setel loopback = true di [webhooks] untuk mengizinkannya"
    ),
    "at": "pada",
}
