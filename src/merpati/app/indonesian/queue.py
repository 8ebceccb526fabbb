"""`merpati queue`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Mail that waits to be sent on, or to be delivered here.": (
        "Surat yang menunggu dikirim, atau diantarkan di sini."
    ),
    "Addresses that nothing is sent to, for their servers say they do not exist.": (
        "Alamat yang tidak dikirimi apa pun, karena servernya menyatakan alamat itu tidak ada."
    ),
    "addresses that nothing is sent to, for they do not exist": (
        "alamat yang tidak dikirimi apa pun, karena tidak ada"
    ),
    "What holds mail.": "Apa yang menahan surat.",
    "<> is the null path": "<> adalah alamat kosong",
    "all rules": "semua aturan",
    "forget a rule; what it holds stays held": ("lupakan aturan; yang ditahannya tetap tertahan"),
    "forget, telling nobody": "buang tanpa memberi tahu siapa pun",
    "held alone": "hanya yang ditahan",
    "held by this rule": "yang ditahan aturan ini",
    "here: mailboxes of this server": "here: kotak surat di server ini",
    "hold new mail that fits": "tahan surat baru yang cocok",
    "how many recipients are in which state": "berapa penerima dalam keadaan apa",
    "keep, and do not try": "simpan, dan jangan dicoba",
    "one message with its recipients": "satu pesan dengan penerimanya",
    "queue ids, or: all": "id antrean, atau: all",
    "queued longer ago than this: 30m, 2h, 1d": ("masuk antrean lebih lama dari ini: 30m, 2h, 1d"),
    "return to the sender now": "kembalikan ke pengirim sekarang",
    "send by another host or destination": "kirim lewat host atau tujuan lain",
    "send to them again": "kirimi lagi",
    "shown beside what is held": "ditampilkan di samping yang ditahan",
    "shown in lists": "ditampilkan dalam daftar",
    "such as *.example.net": "misalnya *.example.net",
    "such as *@example.net": "misalnya *@example.net",
    "such as *@example.org": "misalnya *@example.org",
    "the oldest messages": "pesan terlama",
    "try again now": "coba lagi sekarang",
    "undo hold": "batalkan penahanan",
    "what holds new mail": "apa yang menahan surat baru",
    "where mail goes, and how that is going": ("ke mana surat pergi, dan bagaimana kelancarannya"),
    "which, and why": "yang mana, dan sebabnya",
    (
        'write a way such as "smtp://relay.example.net:587", "lmtp:///run/lmtp.sock",'
        ' "pipe:/usr/bin/command" or "mx"'
    ): (
        'tulis jalur seperti "smtp://relay.example.net:587", "lmtp:///run/lmtp.sock",'
        ' "pipe:/usr/bin/command", atau "mx"'
    ),
    "The queue is empty.": "Antrean kosong.",
    "Nothing has been sent yet.": "Belum ada yang dikirim.",
    "No rule holds new mail.": "Tidak ada aturan yang menahan surat baru.",
    "No address is suppressed.": "Tidak ada alamat yang ditahan.",
    "id": "id",
    "sender": "pengirim",
    "recipient": "penerima",
    "destination": "tujuan",
    "reason": "alasan",
    "until": "sampai",
    "failures": "kegagalan",
    "answer": "jawaban",
    "waiting": "menunggu",
    "held": "ditahan",
    "last success": "terakhir berhasil",
    "last failure": "terakhir gagal",
    "next try": "coba lagi",
    "connections": "koneksi",
    "trouble": "gangguan",
    "never": "belum pernah",
    "this server": "server ini",
    "message   {id}, trace {trace}": "pesan     {id}, jejak {trace}",
    "from      {sender}": "dari      {sender}",
    "since     {time}": "sejak     {time:text}",
    "returned  {time}, unless delivered before": (
        "kembali   {time:text}, kecuali sudah diantarkan"
    ),
    "priority  {number}": "prioritas {number}",
    "to        {address}": "untuk     {address}",
    "by        {destination}": "lewat     {destination:said}",
    "next try  {when}, after {count} so far": "coba lagi {when:said}, sudah {count} kali",
    "held      {reason}": "ditahan   {reason:said}",
    "answer    {reply}": "jawaban   {reply:said}",
    "of        {remote}": "dari      {remote:text}",
    "due now                      {count}": "perlu dikirim sekarang       {count}",
    "waiting for their next try   {count}": "menunggu percobaan lagi      {count}",
    "being tried                  {count}": "sedang dicoba                {count}",
    "held                         {count}": "ditahan                      {count}",
    "for unreachable destinations {count}": "untuk tujuan tak terjangkau  {count}",
    "rule {id} is gone; what it held: {command}": (
        "aturan {id} dihapus; yang ditahannya: {command:text}"
    ),
    "rule {id} holds new mail that fits; undo: {command}": (
        "aturan {id} menahan surat baru yang cocok; batalkan: {command:text}"
    ),
    "{count} addresses are sent to again.": "{count} alamat dikirimi lagi.",
    "These are the oldest {count}; --limit shows more, patterns pick.": (
        "Ini {count} yang terlama; --limit menampilkan lebih banyak, pola memilih."
    ),
    "there is no message {id} in the queue": "tidak ada pesan {id} di antrean",
    "there is no rule {id}; see: {command}": "tidak ada aturan {id}; lihat: {command:text}",
    "to delete everything, name a pattern: --recipient '*'": (
        "untuk menghapus semuanya, sebutkan pola: --recipient '*'"
    ),
    "say which: {how}, or: {command}": "sebutkan yang mana: {how:text}, atau: {command:text}",
    "{text} is no queue id; see: merpati queue list": (
        "{text:text} bukan id antrean; lihat: merpati queue list"
    ),
    "--older {age}: {problem}": "--older {age}: {problem:said}",
    "{address} is not suppressed": "{address} tidak ditahan",
    "nothing of that is in the queue, or all of it is so already; see: merpati queue list": (
        "tidak ada yang seperti itu di antrean, atau semuanya sudah demikian;"
        " lihat: merpati queue list"
    ),
    "{action}: {count} recipients.": "{action}: {count} penerima.",
    "{action}: {count} recipients, and {tried} unreachable destinations are tried.": (
        "{action}: {count} penerima, dan {tried} tujuan tak terjangkau dicoba."
    ),
    "tries": "percobaan",
    "last answer": "jawaban terakhir",
    "to": "untuk",
}
