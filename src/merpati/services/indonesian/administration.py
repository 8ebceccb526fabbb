"""Why a change cannot be taken back, and what handing an account over does."""

from __future__ import annotations

PHRASES = {
    "Its mail was erased for good; a backup may have it.": (
        "Suratnya sudah terhapus selamanya; mungkin masih ada di cadangan."
    ),
    "Secrets are shown only once: make a new one, or remove this one.": (
        "Rahasia hanya ditampilkan sekali: buat yang baru, atau hapus yang ini."
    ),
    "What was done to mail that waits is done: act upon it again in the queue.": (
        "Yang dilakukan pada surat dalam antrean sudah terjadi: tangani lagi di antrean."
    ),
    "{address} may send again.": "{address} sudah boleh mengirim lagi.",
    "{address} is stopped again.": "{address} sudah dihentikan lagi.",
    "The mail that was held was dropped.": "Surat yang ditahan sudah dibuang.",
    "Its secret is of another host: change the webhook again.": (
        "Rahasianya milik host lain: ubah lagi webhook-nya."
    ),
    "This kind of change cannot be taken back.": "Perubahan jenis ini tidak dapat diurungkan.",
    "Passwords are not kept: give the account a new one.": (
        "Kata sandi tidak disimpan: beri akun itu kata sandi baru."
    ),
    "Mail that was put back is removed like any other.": (
        "Surat yang dikembalikan dapat dihapus seperti surat lain."
    ),
    "How somebody signs in is theirs to change; no secret is kept.": (
        "Cara masuk seseorang diatur olehnya sendiri; tidak ada rahasia yang disimpan."
    ),
    "The post has gone out.": "Kirimannya sudah diteruskan.",
    "The post was thrown away, and its author told.": (
        "Kirimannya sudah dibuang, dan penulisnya diberi tahu."
    ),
    "Change the webhook again where webhooks are.": "Ubah lagi webhook itu di halamannya.",
    "A backup takes nothing away.": "Cadangan tidak mengambil apa pun.",
    "{subject} has changed since: {name} is {found} now, and the change left {left}.": (
        "{subject} telah berubah sejak itu: {name} kini {found:text}, padahal perubahan ini"
        " meninggalkan {left:text}."
    ),
    "{address} has {emails} emails by now; disable or erase it instead.": (
        "{address} kini punya {emails} surat; nonaktifkan atau hapus saja."
    ),
    "{subject} is in use again.": "{subject} sudah dipakai lagi.",
    "{name} has {accounts} accounts by now.": "{name} kini punya {accounts} akun.",
    "{subject} cannot be given back any more.": "{subject} tidak dapat dikembalikan lagi.",
    '{one} becomes a shared mailbox, which {other} sees as "{name}".': (
        '{one} menjadi kotak surat bersama, yang dilihat {other} sebagai "{name}".'
    ),
    "Nobody signs in to {one} any more: its sessions end, its password does not work.": (
        "Tidak ada lagi yang masuk ke {one}: sesinya berakhir, kata sandinya tidak berlaku."
    ),
    "{passwords} app passwords and {tokens} API tokens stop working.": (
        "{passwords} kata sandi aplikasi dan {tokens} token API tidak berlaku lagi."
    ),
    "Mail to {addresses} goes on arriving there.": "Surat ke {addresses:list} tetap tiba di sana.",
    'Whoever writes is answered: "{reply}"': 'Siapa pun yang menulis dijawab: "{reply}"',
    "Nobody is answered automatically.": "Tidak ada yang dijawab otomatis.",
    "{other} owns the lists {lists}.": "{other} memiliki milis {lists:list}.",
    "The aliases {aliases} lead to {other}.": "Alias {aliases:list} menuju {other}.",
    "{other} administers what {one} did in {domains}.": (
        "{other} mengurus apa yang diurus {one} di {domains:list}."
    ),
    "{other} is a member of {shared}.": "{other} menjadi anggota {shared:list}.",
    "{one} administers no longer, and {other} does not become an administrator.": (
        "{one} bukan administrator lagi, dan {other} tidak menjadi administrator."
    ),
    "Mail to {one} is forwarded to {targets} no longer.": (
        "Surat ke {one} tidak lagi diteruskan ke {targets:list}."
    ),
    'The filter "{script}" of {one} stops.': 'Penyaring "{script}" milik {one} berhenti.',
    "The automatic reply of {one} itself ends.": "Balasan otomatis {one} sendiri berakhir.",
    "Mail is fetched from {hosts} no longer.": "Surat tidak lagi diambil dari {hosts:list}.",
    "Until {day} all this can be taken back as one act; API tokens are made anew.": (
        "Sampai {day} semua ini dapat diurungkan sekaligus; token API dibuat baru."
    ),
    "{one} has changed since, and stays as it is.": (
        "{one} telah berubah sejak itu, dan tetap seperti adanya."
    ),
    "{address} was not handed over in the last {days} days": (
        "{address} tidak diserahkan dalam {days} hari terakhir"
    ),
    "{address} is a shared mailbox already": "{address} sudah kotak surat bersama",
    "an account is handed over to somebody else": "akun diserahkan kepada orang lain",
    "{address} cannot sign in: it is shared, or disabled": (
        "{address} tidak dapat masuk: kotak bersama, atau dinonaktifkan"
    ),
    "a shared mailbox is called {name} already": "sudah ada kotak surat bersama bernama {name}",
    "{address} is a shared mailbox now; give it back, or take it out of the text": (
        "{address} kini kotak surat bersama; ambil kembali, atau hapus dari teks"
    ),
    "{address} is a person's account now; hand it over, or take it out of the text": (
        "{address} kini akun pribadi; serahkan, atau hapus dari teks"
    ),
    'the rule "{reason}" does not say what it holds': (
        'aturan "{reason}" tidak mengatakan apa yang ditahannya'
    ),
}
