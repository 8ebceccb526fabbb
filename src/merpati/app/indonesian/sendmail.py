"""`merpati sendmail` and `merpati-sendmail`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "`merpati-sendmail`: mail from programs on this machine, with the classic program's"
        " options.\n\n"
        "    usage: merpati-sendmail [-t] [-i] [-f SENDER] [-F NAME] [-C FILE] RECIPIENT ...\n"
        "           merpati-sendmail -bp | -bs | -q | -V\n\n"
        "    -t        take recipients from To, Cc and Bcc too; Bcc is removed\n"
        "    -i, -oi   a line that is only a dot does not end the message\n"
        '    -f ADDR   the envelope sender, where bounces go; -f "" for none\n'
        "    -F NAME   the name for From, when the message has none\n"
        "    -C FILE   configuration file, else as everywhere\n"
        "    -bp       list the queue        -q   try all that is queued now\n"
        "    -bs       speak SMTP on standard input and output\n"
        "    -V        the version           --   what follows are recipients\n\n"
        "It reads one message on standard input. Whoever may write the store hands it straight"
        " to the\n"
        "server's own intake, whether the server runs or not: status 0 then means that it is"
        " durable.\n"
        "Where Sieve scripts or an automatic reply wait for it, it is queued, and the server"
        " delivers\n"
        "it as soon as it runs. Everybody else is sent to the `smtp` listener of this machine,"
        " which\n"
        "takes mail for the domains at home here only. The exit status is that of sysexits.h."
    ): (
        "`merpati-sendmail`: surat dari program di mesin ini, dengan opsi program klasiknya.\n\n"
        "    pemakaian: merpati-sendmail [-t] [-i] [-f PENGIRIM] [-F NAMA] [-C BERKAS]"
        " PENERIMA ...\n"
        "               merpati-sendmail -bp | -bs | -q | -V\n\n"
        "    -t        ambil penerima dari To, Cc, dan Bcc juga; Bcc dihapus\n"
        "    -i, -oi   baris yang hanya berisi titik tidak mengakhiri pesan\n"
        '    -f ADDR   pengirim amplop, tujuan surat kembali; -f "" untuk tanpa pengirim\n'
        "    -F NAME   nama untuk From, bila pesan tidak punya\n"
        "    -C FILE   berkas konfigurasi, bila tidak disebut seperti biasa\n"
        "    -bp       daftar antrean        -q   coba sekarang semua yang mengantre\n"
        "    -bs       bicara SMTP lewat masukan dan keluaran standar\n"
        "    -V        versi                 --   sesudahnya adalah penerima\n\n"
        "Perintah ini membaca satu pesan dari masukan standar. Siapa yang boleh menulis ke"
        " penyimpanan\n"
        "menyerahkannya langsung kepada penerimaan server, baik server berjalan maupun tidak:"
        " status 0\n"
        "berarti pesan sudah tersimpan aman. Bila ada skrip Sieve atau balasan otomatis yang"
        " menunggunya,\n"
        "pesan masuk antrean, dan server mengantarkannya begitu berjalan. Yang lain dikirim ke"
        " listener\n"
        "`smtp` mesin ini, yang hanya menerima surat untuk domain di sini. Status keluarnya"
        " menurut\n"
        "sysexits.h."
    ),
    "nobody to send to: name recipients, or give -t": (
        "tidak ada penerima: sebutkan penerima, atau beri -t"
    ),
    "there is no mode -b{letter}: there are -bm, -bp, -bs": (
        "tidak ada mode -b{letter}: yang ada -bm, -bp, -bs"
    ),
    "option -{letter} not recognized": "opsi -{letter} tidak dikenal",
    "option -{letter} requires argument": "opsi -{letter} memerlukan nilai",
    "option --{word} not recognized": "opsi --{word} tidak dikenal",
    "{problem}; see: merpati-sendmail --help": "{problem:said}; lihat: merpati-sendmail --help",
    "the message may have {most} bytes at most": "pesan boleh paling banyak {most} byte",
    'there is no store {file}: make one with "merpati init"': (
        'tidak ada penyimpanan {file:text}: buat dengan "merpati init"'
    ),
    "the message names nobody in To, Cc or Bcc": (
        "pesan tidak menyebut siapa pun di To, Cc, atau Bcc"
    ),
    (
        "{user} may not write {file}, and {place} does not take it either ({reason}); is the"
        " server running?"
    ): (
        "{user} tidak boleh menulis {file:text}, dan {place} juga tidak menerimanya"
        " ({reason:said}); apakah server berjalan?"
    ),
    "{file} has no smtp listener with a port, through which others could send": (
        "{file:text} tidak punya listener smtp dengan porta, tempat yang lain dapat mengirim"
    ),
    "no server answers on {place}: {reason}; start: merpati serve": (
        "tidak ada server yang menjawab di {place}: {reason:text}; jalankan: merpati serve"
    ),
}
