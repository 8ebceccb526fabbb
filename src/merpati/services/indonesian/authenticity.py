"""What the doctor finds about SPF, DKIM and DMARC, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "The SPF record of {domain} could not be looked up: {failure}": (
        "Catatan SPF {domain} tidak dapat dicari: {failure:said}"
    ),
    "The MX records of {domain} could not be looked up: {failure}": (
        "Catatan MX {domain} tidak dapat dicari: {failure:said}"
    ),
    "The DMARC record of {domain} could not be looked up: {failure}": (
        "Catatan DMARC {domain} tidak dapat dicari: {failure:said}"
    ),
    "The DKIM key at {place} could not be looked up: {failure}": (
        "Kunci DKIM di {place} tidak dapat dicari: {failure:said}"
    ),
    "The MTA-STS record of {domain} could not be looked up: {failure}": (
        "Catatan MTA-STS {domain} tidak dapat dicari: {failure:said}"
    ),
    "The TLS-RPT record of {domain} could not be looked up: {failure}": (
        "Catatan TLS-RPT {domain} tidak dapat dicari: {failure:said}"
    ),
    "The name of {address} could not be looked up: {failure}": (
        "Nama dari {address} tidak dapat dicari: {failure:said}"
    ),
    "{name} could not be looked up: {failure}": "{name} tidak dapat dicari: {failure:said}",
    "While the DNS does not answer, other servers put the domain's mail off.": (
        "Selama DNS tidak menjawab, server lain menunda surat domain ini."
    ),
    "Try again; if it stays so, see whether the domain's name servers are running.": (
        "Coba lagi; bila tetap begitu, periksa apakah server nama domain ini berjalan."
    ),
    "Receivers cannot use a broken record, and treat mail as if SPF had failed.": (
        "Penerima tidak dapat memakai catatan yang rusak, dan memperlakukan surat seolah-olah SPF"
        " gagal."
    ),
    "Mend the record; a sound one for this server alone is: {record}": (
        "Perbaiki catatannya; yang benar untuk server ini saja: {record:text}"
    ),
    "{domain} has no SPF record.": "{domain} tidak punya catatan SPF.",
    (
        "Gmail, Outlook and others refuse or mark mail of domains that do not say which servers"
        " may send for them."
    ): (
        "Gmail, Outlook, dan lainnya menolak atau menandai surat dari domain yang tidak menyebut"
        " server mana yang boleh mengirim untuknya."
    ),
    "Mail that others send in your name is neither refused nor marked.": (
        "Surat yang dikirim orang lain atas nama Anda tidak ditolak maupun ditandai."
    ),
    (
        "Mail that others send in your name is neither refused nor marked. Many receivers"
        " distrust the domain for it."
    ): (
        "Surat yang dikirim orang lain atas nama Anda tidak ditolak maupun ditandai. Banyak"
        " penerima tidak memercayai domain ini karenanya."
    ),
    "The SPF record of {domain} allows everybody to send for it (+all).": (
        "Catatan SPF {domain} mengizinkan siapa saja mengirim untuknya (+all)."
    ),
    "The SPF record of {domain} ends in ?all: it says nothing about other servers.": (
        "Catatan SPF {domain} berakhir dengan ?all: server lain tidak disebut sama sekali."
    ),
    'The SPF record of {domain} has no "all" at its end: it says nothing about other servers.': (
        'Catatan SPF {domain} tidak diakhiri "all": server lain tidak disebut sama sekali.'
    ),
    'The SPF record of {domain} uses "ptr".': 'Catatan SPF {domain} memakai "ptr".',
    "It is slow, unreliable, and ignored by large receivers (RFC 7208 5.5).": (
        "Itu lambat, tidak dapat diandalkan, dan diabaikan penerima besar (RFC 7208 5.5)."
    ),
    "Name the servers by mx, a, ip4 or ip6 instead, and remove ptr.": (
        "Sebutkan servernya dengan mx, a, ip4, atau ip6, dan hapus ptr."
    ),
    (
        "They come from {costs}. Remove services that no longer send for you, or name their"
        " servers by ip4 and ip6."
    ): (
        "Asalnya dari {costs:list}. Hapus layanan yang tidak lagi mengirim untuk Anda, atau"
        " sebutkan servernya dengan ip4 dan ip6."
    ),
    "The SPF record of {domain} needs {lookups} DNS look-ups; {most} are allowed.": (
        "Catatan SPF {domain} memerlukan {lookups} pencarian DNS; batasnya {most}."
    ),
    "Receivers give up at the eleventh, and treat mail as if SPF had failed.": (
        "Penerima berhenti pada pencarian kesebelas, dan memperlakukan surat seolah-olah SPF gagal."
    ),
    (
        "The SPF record of {domain} needs {lookups} of the {most} DNS look-ups that are allowed."
    ): "Catatan SPF {domain} memerlukan {lookups} dari {most} pencarian DNS yang diizinkan.",
    "One more, added by any service that the record includes, breaks it.": (
        "Satu lagi saja, yang ditambahkan layanan mana pun di dalamnya, merusak catatan ini."
    ),
    "The SPF record of {domain} allows {addresses}.": (
        "Catatan SPF {domain} mengizinkan {addresses:list}."
    ),
    "SPF of {domain} does not allow {addresses}, from which this server sends: {why}.": (
        "SPF {domain} tidak mengizinkan {addresses:list}, asal kiriman server ini: {why:said}."
    ),
    "Receivers refuse or mark what your people send.": (
        "Penerima menolak atau menandai apa yang dikirim orang-orang Anda."
    ),
    "Bounces and receipts have no sender; receivers then look at the name in the greeting.": (
        "Surat pantulan dan tanda terima tidak berpengirim; penerima lalu melihat nama dalam"
        " sapaan."
    ),
    "SPF of {host}, the name in the greeting, does not allow {address}: {why}.": (
        "SPF {host}, nama dalam sapaan, tidak mengizinkan {address}: {why:said}."
    ),
    "Receivers refuse bounces and receipts, which have no other sender.": (
        "Penerima menolak surat pantulan dan tanda terima, yang tidak punya pengirim lain."
    ),
    "Mail of {domain} is not signed (DKIM): there is no key.": (
        "Surat {domain} tidak ditandatangani (DKIM): tidak ada kunci."
    ),
    (
        "Gmail, Yahoo and others want a signature of the domain, and DMARC then rests on SPF"
        " alone, which forwarding breaks."
    ): (
        "Gmail, Yahoo, dan lainnya menghendaki tanda tangan domain; tanpanya DMARC bergantung"
        " pada SPF saja, yang rusak bila surat diteruskan."
    ),
    (
        "Set sign = true in [dkim] of merpati.toml and start the server, which makes the keys;"
        " then publish what is shown by: {command}"
    ): (
        "Setel sign = true di [dkim] pada merpati.toml dan jalankan server, yang akan membuat"
        " kuncinya; lalu terbitkan yang ditampilkan oleh: {command:text}"
    ),
    "{count} records are published at {place}, and one is allowed.": (
        "Ada {count} catatan di {place}, padahal hanya boleh satu."
    ),
    "Receivers pick any of them, and find the signature wrong.": (
        "Penerima memilih salah satu, dan menganggap tanda tangannya salah."
    ),
    "Remove them all but one. {publish}": "Hapus semuanya kecuali satu. {publish:said}",
    "No key is published at {place}, and mail is signed with it.": (
        "Tidak ada kunci di {place}, padahal surat ditandatangani dengannya."
    ),
    "The signature of every message is taken for a forged one.": (
        "Tanda tangan setiap pesan dianggap palsu."
    ),
    "Once it signs, every signature is taken for a forged one.": (
        "Begitu kunci itu dipakai, setiap tanda tangan dianggap palsu."
    ),
    "Mail of {domain} is not signed (DKIM): no key is published at {place}.": (
        "Surat {domain} tidak ditandatangani (DKIM): tidak ada kunci di {place}."
    ),
    "The next DKIM key is not published at {place}.": (
        "Kunci DKIM berikutnya belum terbit di {place}."
    ),
    "Until it is, the present key cannot be replaced.": (
        "Selama belum, kunci yang sekarang tidak dapat diganti."
    ),
    "The DKIM key at {place} is broken: {fault}.": "Kunci DKIM di {place} rusak: {fault:said}.",
    "the public key cannot be read": "kunci publiknya tidak terbaca",
    "The DKIM key at {place} was revoked (p=).": "Kunci DKIM di {place} sudah dicabut (p=).",
    "The DKIM key at {place} is not the one that this server signs with.": (
        "Kunci DKIM di {place} bukan kunci yang dipakai server ini."
    ),
    "The DKIM key at {place} is not the one that this server will sign with next.": (
        "Kunci DKIM di {place} bukan kunci yang akan dipakai server ini berikutnya."
    ),
    "The DKIM key at {place} is marked as a test (t=y).": (
        "Kunci DKIM di {place} ditandai sebagai percobaan (t=y)."
    ),
    "Receivers may treat signed mail as if it were not signed.": (
        "Penerima bisa memperlakukan surat bertanda tangan seolah-olah tidak ditandatangani."
    ),
    "The key at {place} is published and signs.": "Kunci di {place} sudah terbit dan dipakai.",
    "The key at {place} is published and is ready to sign.": (
        "Kunci di {place} sudah terbit dan siap dipakai."
    ),
    "{count} DMARC records are published at {place}, and one is allowed.": (
        "Ada {count} catatan DMARC di {place}, padahal hanya boleh satu."
    ),
    "Receivers then act as if there were none.": (
        "Penerima lalu bertindak seolah-olah tidak ada catatan."
    ),
    "Remove all but one.": "Hapus semuanya kecuali satu.",
    "{domain} has no DMARC record.": "{domain} tidak punya catatan DMARC.",
    (
        "Gmail and Yahoo want one of every domain that sends much mail, and without it nobody"
        " acts on forged mail in your name."
    ): (
        "Gmail dan Yahoo menghendakinya dari setiap domain yang banyak mengirim surat; tanpanya"
        " tidak ada yang menindak surat palsu atas nama Anda."
    ),
    "The DMARC record of {place} has a mistake: {trouble}.": (
        "Catatan DMARC {place} salah: {trouble:said}."
    ),
    "{tag} is not none, quarantine or reject": "{tag:text} bukan none, quarantine, atau reject",
    "Receivers pass over what they cannot read.": (
        "Penerima melewatkan apa yang tidak dapat dibacanya."
    ),
    "Receivers act as if there were no record.": (
        "Penerima bertindak seolah-olah tidak ada catatan."
    ),
    "Mend it; a sound record is: {record}": "Perbaiki; catatan yang benar: {record:text}",
    "DMARC reports are not sent to {address}: {reason}.": (
        "Laporan DMARC tidak dikirim ke {address}: {reason:said}."
    ),
    "{host} does not say that it wants reports about {domain}": (
        "{host} tidak menyatakan mau menerima laporan tentang {domain}"
    ),
    "You do not hear who sends in your name, and whose mail fails.": (
        "Anda tidak tahu siapa yang mengirim atas nama Anda, dan surat siapa yang gagal."
    ),
    (
        "Name an address of your own domain in rua, or ask its owner to publish the record that"
        " allows it."
    ): (
        "Sebutkan alamat di domain Anda sendiri dalam rua, atau minta pemiliknya menerbitkan"
        " catatan yang mengizinkannya."
    ),
    "The DMARC record of {place} asks for no reports (rua).": (
        "Catatan DMARC {place} tidak meminta laporan (rua)."
    ),
    "Add to it: {what}": "Tambahkan padanya: {what:text}",
    "The DMARC policy of {place} is {policy}; make it quarantine once the reports look right.": (
        "Kebijakan DMARC {place} adalah {policy}; ubah menjadi quarantine setelah laporannya"
        " tampak beres."
    ),
    "The DMARC policy of {place} is {policy}.": "Kebijakan DMARC {place} adalah {policy}.",
    "the SPF record of {domain} is broken: {fault}": ("catatan SPF {domain} rusak: {fault:said}"),
    "The SPF record of {domain} is broken: {fault}.": "Catatan SPF {domain} rusak: {fault:said}.",
    '"{term}" is wrong: {reason}': '"{term}" salah: {reason:said}',
    'the mechanism is unknown; {known} is meant, not "{word}"': (
        'mekanismenya tidak dikenal; yang dimaksud {known}, bukan "{word}"'
    ),
    '"{host}" is no domain name: {reason}; an address is written {form}': (
        '"{host}" bukan nama domain: {reason:said}; alamat ditulis {form}'
    ),
    '"{label}" cannot be its end': '"{label}" tidak dapat menjadi akhirnya',
    "{domain} publishes {count} SPF records, and only one is allowed": (
        "{domain} menerbitkan {count} catatan SPF, padahal hanya boleh satu"
    ),
    "{domain} publishes {count} SPF records, and only one is allowed.": (
        "{domain} menerbitkan {count} catatan SPF, padahal hanya boleh satu."
    ),
    'The SPF record of {domain} has "{term}", and {name} publishes no SPF record.': (
        'Catatan SPF {domain} berisi "{term}", padahal {name} tidak menerbitkan catatan SPF.'
    ),
    'The SPF record of {domain} has "{term}", and that leads to no domain.': (
        'Catatan SPF {domain} berisi "{term}", yang tidak mengarah ke domain mana pun.'
    ),
}
