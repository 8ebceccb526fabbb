"""Settings of how mail is taken, judged and sent on, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "What an SMTP client may do, whichever port it comes to.": (
        "Apa yang boleh dilakukan klien SMTP, di porta mana pun."
    ),
    "The largest message taken.": "Pesan terbesar yang diterima.",
    "Recipients of one message.": "Penerima satu pesan.",
    "Messages taken over one connection.": "Pesan yang diterima lewat satu koneksi.",
    "Refused commands before the connection is closed.": (
        "Perintah yang ditolak sebelum koneksi ditutup."
    ),
    "NOOP, RSET and the like between two messages before the connection is closed.": (
        "NOOP, RSET, dan semacamnya di antara dua pesan sebelum koneksi ditutup."
    ),
    "Delay of each reply once half of the errors allowed were made; 0: none.": (
        "Jeda tiap jawaban setelah setengah jumlah galat yang diizinkan tercapai; 0: tanpa jeda."
    ),
    "How long to wait for the next command.": "Berapa lama menunggu perintah berikutnya.",
    "How long one message may take from MAIL to its end, however slow the peer.": (
        "Berapa lama satu pesan boleh berlangsung dari MAIL sampai selesai, selambat apa pun"
        " lawannya."
    ),
    "Bytes a second that a message must make after its first five minutes.": (
        "Byte per detik yang harus dicapai pesan setelah lima menit pertama."
    ),
    "Wait this long before the greeting on smtp ports: who speaks first is refused.": (
        "Tunggu selama ini sebelum menyapa di porta smtp: yang bicara lebih dulu ditolak."
    ),
    "Networks whose hosts the limits for each hour and the delays do not count for.": (
        "Jaringan yang host-nya tidak terkena batas per jam dan jeda."
    ),
    "Messages begun by one address in an hour; 0: any.": (
        "Pesan yang dimulai satu alamat per jam; 0: tanpa batas."
    ),
    "Recipients named by one address in an hour; 0: any.": (
        "Penerima yang disebut satu alamat per jam; 0: tanpa batas."
    ),
    "Commands of one address refused in an hour before it is sent away; 0: any.": (
        "Perintah satu alamat yang ditolak per jam sebelum alamat itu disuruh pergi; 0: tanpa"
        " batas."
    ),
    "Who is told by VRFY and EXPN whether an address exists.": (
        "Siapa yang diberi tahu lewat VRFY dan EXPN apakah sebuah alamat ada."
    ),
    "How far ahead a client may ask for a message to leave (FUTURERELEASE).": (
        "Sejauh apa klien boleh menunda pengiriman pesan (FUTURERELEASE)."
    ),
    "What is done with mail from outside whose sender cannot be proven.": (
        "Perlakuan terhadap surat dari luar yang pengirimnya tidak terbukti."
    ),
    "Mail that fails DMARC when its domain asks to reject it.": (
        "Surat yang gagal DMARC bila domainnya meminta agar ditolak."
    ),
    "Mail that fails DMARC when its domain asks to quarantine it.": (
        "Surat yang gagal DMARC bila domainnya meminta agar dikarantina."
    ),
    ("Mail of a domain without a DMARC policy from a server that its SPF forbids, unsigned."): (
        "Surat sebuah domain tanpa kebijakan DMARC dari server yang dilarang SPF-nya, tanpa"
        " tanda tangan."
    ),
    ("Mail whose From field is missing, repeated, or read differently by different programs."): (
        "Surat yang From-nya tidak ada, berulang, atau dibaca berbeda oleh program yang berbeda."
    ),
    "Mail that cannot be checked because the DNS does not answer.": (
        "Surat yang tidak dapat diperiksa karena DNS tidak menjawab."
    ),
    (
        "Addresses and networks of servers that pass mail on to here, such as a backup MX: what"
        " they bring is never refused for its sender."
    ): (
        "Alamat dan jaringan server yang meneruskan surat ke sini, misalnya MX cadangan: yang"
        " dibawanya tidak pernah ditolak karena pengirimnya."
    ),
    "Domains whose ARC seals are believed about mail that they pass on.": (
        "Domain yang segel ARC-nya dipercaya tentang surat yang diteruskannya."
    ),
    (
        "Mailing lists (their List-Id, or the domain it ends in) whose mail is let through when"
        " the list itself is proven by SPF or DKIM."
    ): (
        "Milis (List-Id-nya, atau domain di ujungnya) yang suratnya diterima bila milis itu"
        " sendiri terbukti oleh SPF atau DKIM."
    ),
    (
        "Mail that fails DMARC with reject and comes through another mailing list that is"
        ' proven by SPF or DKIM; "refuse" treats it like all other mail.'
    ): (
        "Surat yang gagal DMARC dengan reject dan datang lewat milis lain yang terbukti oleh"
        ' SPF atau DKIM; "refuse" memperlakukannya seperti surat lain.'
    ),
    (
        'Whether mail is judged that a program on this machine brings to the MX port; "auto":'
        " if dns.nameservers names resolvers."
    ): (
        'Apakah surat yang dibawa program di mesin ini ke porta MX dinilai; "auto": bila'
        " dns.nameservers menyebut penerjemah nama."
    ),
    "Look up the name of the client's address, there and back.": (
        "Cari nama dari alamat klien, bolak-balik."
    ),
    "Time for all questions to the DNS about one message.": (
        "Waktu untuk semua pertanyaan ke DNS tentang satu pesan."
    ),
    ("Daily reports to other domains on mail in their name, and what becomes of those about us."): (
        "Laporan harian kepada domain lain tentang surat atas nama mereka, dan nasib laporan"
        " tentang kita."
    ),
    "Send a report to each domain that asks for one.": (
        "Kirim laporan kepada setiap domain yang memintanya."
    ),
    "Address that reports come from; postmaster of this server when empty.": (
        "Alamat pengirim laporan; postmaster server ini bila kosong."
    ),
    "Who reports; the name of this server when empty.": (
        "Siapa yang melapor; nama server ini bila kosong."
    ),
    (
        "Addresses here to which others send reports about our domains (rua= of our records):"
        " they are read and told by merpati report."
    ): (
        "Alamat di sini tujuan laporan pihak lain tentang domain kita (rua= di catatan kita):"
        " laporan dibaca dan diceritakan oleh merpati report."
    ),
    "How long, and how often, mail that cannot be delivered is tried again.": (
        "Berapa lama, dan seberapa sering, surat yang tidak terkirim dicoba lagi."
    ),
    "Wait this long between two tries.": "Tunggu selama ini di antara dua percobaan.",
    "Return what could not be delivered after this long.": (
        "Kembalikan yang tidak terkirim setelah selama ini."
    ),
    "Tell the sender of a delay after this long; 0: never.": (
        "Beri tahu pengirim tentang keterlambatan setelah selama ini; 0: tidak pernah."
    ),
    "How mail is sent on to other servers.": "Cara surat dikirim ke server lain.",
    "Outgoing connections of each worker at once.": (
        "Koneksi keluar tiap proses pekerja sekaligus."
    ),
    "Outgoing connections of each worker to one destination at once.": (
        "Koneksi keluar tiap proses pekerja ke satu tujuan sekaligus."
    ),
    "Messages sent over one connection.": "Pesan yang dikirim lewat satu koneksi.",
    "Keep an outgoing connection that has nothing to do for this long.": (
        "Pertahankan koneksi keluar yang menganggur selama ini."
    ),
    "The port other servers take mail on.": "Porta tempat server lain menerima surat.",
    (
        "Destinations that go another way than the DNS says: a pattern and a way each; the"
        " first that fits counts."
    ): (
        "Tujuan yang tidak lewat jalur menurut DNS: masing-masing pola dan jalur; yang pertama"
        " cocok berlaku."
    ),
    "Sign-ins for the hosts of routes: host, user and password each.": (
        "Akun masuk untuk host di routes: masing-masing host, pengguna, dan kata sandi."
    ),
    "Addresses of this machine to send from, in turn; any when empty.": (
        "Alamat mesin ini untuk mengirim, bergiliran; bebas bila kosong."
    ),
    ("Send nothing for this long to an address that its server says does not exist; 0: try."): (
        "Jangan kirim apa pun selama ini ke alamat yang dinyatakan tidak ada oleh servernya; 0:"
        " coba saja."
    ),
    "How much mail may leave, and when an account is taken for stolen.": (
        "Berapa surat boleh keluar, dan kapan akun dianggap dicuri."
    ),
    "Stop an account from sending when its mail is unlike its own: a stolen password.": (
        "Hentikan akun dari mengirim bila suratnya tidak seperti biasanya: kata sandi dicuri."
    ),
    "Networks from which submissions are neither counted nor judged: programs of ours.": (
        "Jaringan yang kirimannya tidak dihitung dan tidak dinilai: program kita sendiri."
    ),
    (
        "People elsewhere whom an account may write to for the first time in an hour; with more"
        " it is stopped. Less under odd circumstances, more where that is habit; 0: any."
    ): (
        "Orang di tempat lain yang boleh disurati sebuah akun untuk pertama kali per jam; bila"
        " lebih, akun dihentikan. Kurang dari itu dalam keadaan janggal, lebih bila sudah"
        " kebiasaan; 0: tanpa batas."
    ),
    "The same in a day; 0: any.": "Sama, per hari; 0: tanpa batas.",
    "Messages to other domains from one account in an hour; 0: any.": (
        "Pesan ke domain lain dari satu akun per jam; 0: tanpa batas."
    ),
    "Recipients elsewhere named by one account in an hour; 0: any.": (
        "Penerima di tempat lain yang disebut satu akun per jam; 0: tanpa batas."
    ),
    "Messages from one account in an hour, to people here or elsewhere; 0: any.": (
        "Pesan dari satu akun per jam, kepada orang di sini atau di tempat lain; 0: tanpa batas."
    ),
    "Recipients named by one account in an hour, here or elsewhere; 0: any.": (
        "Penerima yang disebut satu akun per jam, di sini atau di tempat lain; 0: tanpa batas."
    ),
    "Messages to other domains from all accounts of a domain in an hour; 0: any.": (
        "Pesan ke domain lain dari semua akun sebuah domain per jam; 0: tanpa batas."
    ),
    "Recipients elsewhere named by all accounts of a domain in an hour; 0: any.": (
        "Penerima di tempat lain yang disebut semua akun sebuah domain per jam; 0: tanpa batas."
    ),
    "Daily reports to other domains on how well their mail was protected on the way.": (
        "Laporan harian kepada domain lain tentang seberapa baik suratnya terlindungi di jalan."
    ),
    "Address that reports name for questions; postmaster of this server when empty.": (
        "Alamat untuk pertanyaan yang disebut laporan; postmaster server ini bila kosong."
    ),
    "How addresses of the domains served here are read.": (
        "Cara alamat domain yang dilayani di sini dibaca."
    ),
    ("What divides a mailbox from a detail, as in ani+shop@example.org; empty: nothing does."): (
        "Pemisah kotak surat dari rincian, seperti dalam ani+toko@example.org; kosong: tidak ada."
    ),
    (
        "Accounts, and domains as @example.org, whose mail may be from anybody in its From"
        ' field; "*": all. Else every address in From and Sender belongs to the account that'
        " sends."
    ): (
        "Akun, dan domain sebagai @example.org, yang suratnya boleh menyebut siapa pun di From;"
        ' "*": semua. Selain itu setiap alamat di From dan Sender harus milik akun yang'
        " mengirim."
    ),
    (
        "Domains of others whose mail is taken here while their own servers are down, and"
        " passed on to them; their MX records must name this server, with a higher number."
    ): (
        "Domain pihak lain yang suratnya diterima di sini selama servernya sendiri mati, lalu"
        " diteruskan; catatan MX-nya harus menyebut server ini, dengan angka lebih besar."
    ),
    "Mailing lists.": "Milis.",
    "Where members leave with one click (RFC 8058); a token is put behind it.": (
        "Tempat anggota keluar dengan satu klik (RFC 8058); sebuah token ditambahkan di"
        " belakangnya."
    ),
    "Suspend a member from whom mail came back on so many days.": (
        "Tangguhkan anggota yang suratnya kembali selama sekian hari."
    ),
    "Accounts that answer requests by mail with files of a folder.": (
        "Akun yang menjawab permintaan lewat surat dengan berkas dari sebuah folder."
    ),
    "Answers that one sender gets from one account in a day.": (
        "Jawaban yang didapat satu pengirim dari satu akun per hari."
    ),
    "The most that the files of one answer may have together.": (
        "Ukuran terbesar semua berkas dalam satu jawaban."
    ),
    "Signatures that prove to others that mail comes from our domains.": (
        "Tanda tangan yang membuktikan kepada pihak lain bahwa surat berasal dari domain kita."
    ),
    "Sign outgoing mail of domains whose key is published.": (
        "Tanda tangani surat keluar dari domain yang kuncinya sudah terbit."
    ),
    (
        "A signature counts this long, so that a message cannot be sent again and again by"
        " others; 0 for ever."
    ): (
        "Tanda tangan berlaku selama ini, agar pesan tidak dapat dikirim berulang-ulang oleh"
        " pihak lain; 0 untuk selamanya."
    ),
    (
        "Make the next key when one has signed for so long; 0 to do it by hand. It signs once"
        " it is published."
    ): (
        "Buat kunci berikutnya setelah sebuah kunci dipakai selama ini; 0 untuk melakukannya"
        " dengan tangan. Kunci dipakai setelah terbit."
    ),
    "What `merpati doctor` asks of others.": (
        "Apa yang ditanyakan `merpati doctor` kepada pihak lain."
    ),
    "Block lists on which this server's addresses are looked for.": (
        "Daftar blokir tempat alamat server ini dicari."
    ),
    "Block lists on which the domains are looked for.": "Daftar blokir tempat domain dicari.",
    "Time server that the clock is compared with; empty for none.": (
        "Server waktu pembanding jam; kosong untuk tidak ada."
    ),
    (
        "Domains whose mail servers are connected to, to see whether port 25 is open; none when"
        " empty."
    ): (
        "Domain yang server suratnya dihubungi untuk melihat apakah porta 25 terbuka; tidak ada"
        " bila kosong."
    ),
    (
        "Addresses here, besides abuse@ of each domain, to which others send complaints (ARF)."
    ): "Alamat di sini, selain abuse@ tiap domain, tujuan keluhan dari pihak lain (ARF).",
    "Complaints of others about mail that our accounts have sent.": (
        "Keluhan pihak lain tentang surat yang dikirim akun kita."
    ),
}
