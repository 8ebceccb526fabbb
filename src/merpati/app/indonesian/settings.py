"""Settings of merpati.toml, in Indonesian, but for those of `settings_transport`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "The machine and the processes on it.": "Mesin dan proses di dalamnya.",
    "This server's full name in the DNS, with which it greets and signs what it adds.": (
        "Nama lengkap server ini di DNS, yang dipakai saat menyapa dan menandai apa yang"
        " ditambahkannya."
    ),
    "Folder of everything that has no place of its own.": (
        "Folder untuk semua yang tidak punya tempat sendiri."
    ),
    "How many worker processes serve; 0 for one per processor.": (
        "Berapa proses pekerja yang melayani; 0 untuk satu per prosesor."
    ),
    "User to become once the ports are open, when started as root.": (
        "Pengguna yang dipakai setelah porta terbuka, bila dijalankan sebagai root."
    ),
    "Language of messages to people, such as bounces.": (
        "Bahasa surat kepada orang, misalnya surat kembali."
    ),
    "The database of accounts, mail and queue.": "Basis data akun, surat, dan antrean.",
    "Which database: sqlite needs nothing else, postgresql serves several machines.": (
        "Basis data mana: sqlite tidak memerlukan apa pun lagi, postgresql melayani beberapa mesin."
    ),
    "The SQLite file; merpati.sqlite in the data folder when not set.": (
        "Berkas SQLite; merpati.sqlite di folder data bila tidak disetel."
    ),
    "How to reach PostgreSQL.": "Cara menghubungi PostgreSQL.",
    "Where large messages are kept.": "Tempat pesan besar disimpan.",
    "Folder of large messages; blobs in the data folder when not set.": (
        "Folder pesan besar; blobs di folder data bila tidak disetel."
    ),
    "What is written to standard error.": "Apa yang ditulis ke galat standar.",
    "The least level written.": "Tingkat terendah yang ditulis.",
    "How: json for machines, plain for people, auto for plain on a terminal only.": (
        "Caranya: json untuk mesin, plain untuk orang, auto untuk plain di terminal saja."
    ),
    "The certificates shown to clients, chosen by the server name they ask for.": (
        "Sertifikat yang ditunjukkan kepada klien, dipilih menurut nama server yang diminta."
    ),
    "Certificate chains, PEM; the first serves clients that name no known server.": (
        "Rantai sertifikat, PEM; yang pertama untuk klien yang tidak menyebut server yang dikenal."
    ),
    "Their private keys, PEM, in the same order, readable by the owner alone.": (
        "Kunci privatnya, PEM, dengan urutan yang sama, hanya dapat dibaca pemiliknya."
    ),
    (
        "Authorities, PEM, whose client certificates open the account of an address in them."
    ): "Otoritas, PEM, yang sertifikat kliennya membuka akun dengan alamat di dalamnya.",
    "Certificates ordered and renewed by themselves (ACME, RFC 8555).": (
        "Sertifikat yang dipesan dan diperbarui sendiri (ACME, RFC 8555)."
    ),
    "Order certificates; whoever turns this on agrees to the authority's terms.": (
        "Pesan sertifikat; siapa yang menyalakannya menyetujui ketentuan otoritas."
    ),
    "The authority's URL.": "URL otoritas.",
    "Certificates (PEM) that vouch for an authority of your own.": (
        "Sertifikat (PEM) yang menjamin otoritas Anda sendiri."
    ),
    "Address the authority may write to.": "Alamat yang boleh disurati otoritas.",
    ("How names are proved: http-01 wants port 80, tls-alpn-01 port 443, dns-01 [dns_update]."): (
        "Cara nama dibuktikan: http-01 memerlukan porta 80, tls-alpn-01 porta 443, dns-01"
        " [dns_update]."
    ),
    "More names for this server's certificate.": "Nama lain untuk sertifikat server ini.",
    "Make a new key for each renewal; TLSA records must then follow.": (
        "Buat kunci baru setiap pembaruan; catatan TLSA harus mengikutinya."
    ),
    "How long until all name servers of a zone know of an update.": (
        "Berapa lama sampai semua server nama sebuah zona mengetahui pembaruan."
    ),
    "How names are looked up.": "Cara nama dicari.",
    ("Resolvers to ask, as address or address:port; those of /etc/resolv.conf when empty."): (
        "Penerjemah nama yang ditanya, sebagai alamat atau alamat:porta; bila kosong, yang di"
        " /etc/resolv.conf."
    ),
    "The name server that takes updates of our zones (RFC 2136).": (
        "Server nama yang menerima pembaruan zona kita (RFC 2136)."
    ),
    "Its address, as address or address:port; empty: none.": (
        "Alamatnya, sebagai alamat atau alamat:porta; kosong: tidak ada."
    ),
    "Name of the key shared with it (TSIG).": "Nama kunci yang dimiliki bersama (TSIG).",
    "That key, in base64.": "Kunci itu, dalam base64.",
    "How it signs.": "Cara menandatangani.",
    "What an IMAP client may do.": "Apa yang boleh dilakukan klien IMAP.",
    "The largest message taken by APPEND.": "Pesan terbesar yang diterima lewat APPEND.",
    "How long a client may say nothing, in IDLE too.": (
        "Berapa lama klien boleh diam, juga dalam IDLE."
    ),
    "How long a client may take to sign in.": "Berapa lama klien boleh memakai waktu untuk masuk.",
    "How long one message may take to arrive, however slow the client.": (
        "Berapa lama satu pesan boleh berlangsung, selambat apa pun kliennya."
    ),
    "Messages that one command may fetch, change or copy.": (
        "Pesan yang boleh diambil, diubah, atau disalin satu perintah."
    ),
    "Whether a client may sign out and in again on one connection (UNAUTHENTICATE).": (
        "Apakah klien boleh keluar dan masuk lagi pada satu sambungan (UNAUTHENTICATE)."
    ),
    "Searching in mail.": "Pencarian dalam surat.",
    ("Keep an index of all text, attached documents included; without it searches read mail."): (
        "Simpan indeks semua teks, termasuk dokumen lampiran; tanpa itu pencarian membaca surat."
    ),
    "What a JMAP client may do.": "Apa yang boleh dilakukan klien JMAP.",
    "The largest file that may be uploaded.": "Berkas terbesar yang boleh diunggah.",
    "The largest request.": "Permintaan terbesar.",
    "Requests of one account that are worked on at the same time.": (
        "Permintaan satu akun yang dikerjakan pada saat yang sama."
    ),
    "Uploads of one account at the same time.": "Unggahan satu akun pada saat yang sama.",
    "Method calls in one request.": "Panggilan metode dalam satu permintaan.",
    "Objects that one call may get.": "Objek yang boleh diambil satu panggilan.",
    "Objects that one call may create, update and destroy.": (
        "Objek yang boleh dibuat, diubah, dan dihapus satu panggilan."
    ),
    "Connections of one account in each worker over which changes are pushed.": (
        "Koneksi satu akun di tiap proses pekerja tempat perubahan dikabarkan."
    ),
    "Telling programs of changes through push services.": (
        "Mengabari program tentang perubahan lewat layanan push."
    ),
    "Send to the push services that people's programs name.": (
        "Kirim ke layanan push yang disebut program orang."
    ),
    "Send also to push services at private addresses, as in a network of its own.": (
        "Kirim juga ke layanan push di alamat pribadi, seperti dalam jaringan sendiri."
    ),
    "Telling programs of what happens.": "Memberi tahu program tentang apa yang terjadi.",
    "Send also to programs at private addresses, as in a network of its own.": (
        "Kirim juga ke program di alamat pribadi, seperti dalam jaringan sendiri."
    ),
    "Send also to programs on this machine itself; to them http:// will do.": (
        "Kirim juga ke program di mesin ini sendiri; untuk itu http:// cukup."
    ),
    "What a POP3 client may do.": "Apa yang boleh dilakukan klien POP3.",
    "How long a client may take to fetch one large message.": (
        "Berapa lama klien boleh mengambil satu pesan besar."
    ),
    "What a ManageSieve client may do.": "Apa yang boleh dilakukan klien ManageSieve.",
    "How long a client may say nothing once it is signed in.": (
        "Berapa lama klien boleh diam setelah masuk."
    ),
    "What the scripts of users may do.": "Apa yang boleh dilakukan skrip pengguna.",
    "Addresses that one script may send one message on to.": (
        "Alamat tujuan penerusan satu pesan oleh satu skrip."
    ),
    "Answers and notifications that one script may send for one message.": (
        "Jawaban dan pemberitahuan yang boleh dikirim satu skrip untuk satu pesan."
    ),
    "Do not answer the same sender again sooner than this, whatever a script says.": (
        "Jangan menjawab pengirim yang sama lebih cepat dari ini, apa pun kata skrip."
    ),
    "How long scripts remember which messages they have seen.": (
        "Berapa lama skrip mengingat pesan yang pernah dilihatnya."
    ),
    "Put mail for name+folder@ into that folder, where it exists and no script decides.": (
        "Masukkan surat untuk nama+folder@ ke folder itu, bila ada dan tidak ada skrip yang"
        " memutuskan."
    ),
    "How S/MIME signatures are judged.": "Cara tanda tangan S/MIME dinilai.",
    (
        "PEM files of authorities whose certificates are trusted, beside those of the system."
    ): "Berkas PEM otoritas yang sertifikatnya dipercaya, di samping yang dari sistem.",
    "Mail that was removed.": "Surat yang dihapus.",
    ("How long mail that was removed can be restored; it counts in no quota. 0: not at all."): (
        "Berapa lama surat yang dihapus dapat dipulihkan; tidak dihitung dalam kuota. 0: tidak"
        " sama sekali."
    ),
    "Regular backups of everything: accounts, mail, queue, settings.": (
        "Cadangan berkala semuanya: akun, surat, antrean, pengaturan."
    ),
    ("Folder to back up to, best on another disk or machine; no regular backups when not set."): (
        "Folder tujuan cadangan, sebaiknya di cakram atau mesin lain; tanpa cadangan berkala"
        " bila tidak disetel."
    ),
    "When the daily backup begins, in the machine's own time.": (
        "Kapan cadangan harian dimulai, menurut waktu mesin."
    ),
    (
        "File with the passphrase that encrypts backups, readable by the owner alone; keep a"
        " copy of it elsewhere, for without it nothing can be restored."
    ): (
        "Berkas berisi frasa sandi yang mengenkripsi cadangan, hanya dapat dibaca pemiliknya;"
        " simpan salinannya di tempat lain, sebab tanpa itu tidak ada yang dapat dipulihkan."
    ),
    "Of so many days the last snapshot is kept.": "Potret terakhir dari sekian hari disimpan.",
    "Of so many weeks the last snapshot is kept.": "Potret terakhir dari sekian minggu disimpan.",
    "Of so many months the last snapshot is kept.": "Potret terakhir dari sekian bulan disimpan.",
    "How often the whole backup is read again and its hashes compared; 0: never.": (
        "Seberapa sering seluruh cadangan dibaca ulang dan hash-nya dibandingkan; 0: tidak pernah."
    ),
    "How sign-ins are checked and guesses are slowed down.": (
        "Cara masuk diperiksa dan tebakan diperlambat."
    ),
    "How long a verified password is remembered.": (
        "Berapa lama kata sandi yang sudah diperiksa diingat."
    ),
    "Password verifications at once in each worker.": (
        "Pemeriksaan kata sandi sekaligus di tiap proses pekerja."
    ),
    "Wrong passwords taken from one address in an hour; then it has to wait.": (
        "Kata sandi salah yang diterima dari satu alamat per jam; sesudahnya harus menunggu."
    ),
    "Wrong passwords in a row before the waiting begins.": (
        "Kata sandi salah berturut-turut sebelum harus menunggu."
    ),
    "Offer SCRAM-SHA-256, by which clients sign in without sending the password.": (
        "Tawarkan SCRAM-SHA-256, yang membuat klien masuk tanpa mengirim kata sandi."
    ),
    ("Offer SCRAM-SHA-256-PLUS; there are clients that know no tls-server-end-point, and fail."): (
        "Tawarkan SCRAM-SHA-256-PLUS; ada klien yang tidak mengenal tls-server-end-point, lalu"
        " gagal."
    ),
    "How long a sign-in by the web pages lasts, and programs that sign in by OAuth.": (
        "Berapa lama masuk lewat halaman web berlaku, dan program yang masuk dengan OAuth."
    ),
    "How long an access token is good.": "Berapa lama token akses berlaku.",
    "How many days without use a browser stays signed in that asked for it.": (
        "Berapa hari tanpa dipakai peramban yang memintanya tetap masuk."
    ),
    "How many days without use an application stays signed in.": (
        "Berapa hari tanpa dipakai sebuah aplikasi tetap masuk."
    ),
    "Let any program register itself as an OAuth client (RFC 7591).": (
        "Izinkan program apa pun mendaftarkan diri sebagai klien OAuth (RFC 7591)."
    ),
    "What is worth waking somebody, and whom.": "Apa yang perlu segera diketahui, dan oleh siapa.",
    "Look now and then whether something is wrong.": (
        "Periksa dari waktu ke waktu apakah ada yang tidak beres."
    ),
    "How often.": "Seberapa sering.",
    (
        "Who gets a letter; empty: every administrator. An address elsewhere still hears of"
        " what stops the mail here only if this server can send."
    ): (
        "Siapa yang mendapat surat; kosong: semua administrator. Alamat di tempat lain hanya"
        " mendapat kabar tentang macetnya surat di sini bila server ini masih dapat mengirim."
    ),
    "Write letters; without, alerts are on the dashboard only.": (
        "Tulis surat; tanpa itu, peringatan hanya ada di dasbor."
    ),
    "Recipients that may wait in the queue.": "Penerima yang boleh menunggu di antrean.",
    "Free space of a disk that is enough.": "Ruang kosong cakram yang cukup.",
    "Days that a certificate must still be good for.": "Sisa hari berlaku sebuah sertifikat.",
    "Refused sign-ins within an hour.": "Percobaan masuk yang ditolak dalam sejam.",
    (
        "Processes that may be started within an hour; a start of the server is one for each"
        " worker."
    ): (
        "Proses yang boleh dimulai dalam sejam; sekali server dijalankan dihitung satu untuk"
        " tiap proses pekerja."
    ),
    "Have the doctor look every six hours, as others see this server.": (
        "Minta dokter memeriksa setiap enam jam, seperti pihak lain melihat server ini."
    ),
    "A TCP port, or a unix socket, and what is served there.": (
        "Porta TCP, atau soket unix, dan apa yang dilayani di sana."
    ),
    "What is served.": "Apa yang dilayani.",
    "Address to listen on; * for all of this machine's, IPv4 and IPv6.": (
        "Alamat untuk mendengarkan; * untuk semua alamat mesin ini, IPv4 dan IPv6."
    ),
    "TCP port; 0 for any free one.": "Porta TCP; 0 untuk porta bebas mana pun.",
    "Unix socket, instead of a port.": "Soket unix, sebagai ganti porta.",
    "Let clients on this machine (127.0.0.1, ::1) log in without TLS.": (
        "Izinkan klien di mesin ini (127.0.0.1, ::1) masuk tanpa TLS."
    ),
    "Networks whose hosts may connect to an SMTP service; everyone when empty.": (
        "Jaringan yang host-nya boleh terhubung ke layanan SMTP; semua bila kosong."
    ),
    "Load balancers, as networks: they must begin with a PROXY header (version 1 or 2).": (
        "Penyeimbang beban, sebagai jaringan: harus mulai dengan kepala PROXY (versi 1 atau 2)."
    ),
    "SMTP proxies, as networks: they may say with XCLIENT whom they speak for.": (
        "Proksi SMTP, sebagai jaringan: boleh menyebut dengan XCLIENT mewakili siapa."
    ),
    "Take messages by SMTP over TLS only.": "Terima pesan SMTP hanya lewat TLS.",
    "device: the sender that every message gets, an address of an account here.": (
        "device: pengirim untuk setiap pesan, alamat sebuah akun di sini."
    ),
    (
        'device: whom it may write to: addresses, "@example.org", or "*" for everyone; only'
        " mailboxes here when empty."
    ): (
        'device: siapa yang boleh disurati: alamat, "@example.org", atau "*" untuk semua; bila'
        " kosong hanya kotak surat di sini."
    ),
    "device: how many messages each may send in an hour; 0: any.": (
        "device: berapa pesan boleh dikirim masing-masing per jam; 0: tanpa batas."
    ),
    "Merpati's configuration: what must be known before the store is open.": (
        "Konfigurasi Merpati: apa yang harus diketahui sebelum penyimpanan dibuka."
    ),
    "Relative paths are relative to this file. SIGHUP makes the server read it again;": (
        "Jalur relatif dihitung dari berkas ini. SIGHUP membuat server membacanya lagi;"
    ),
    "what takes a restart is then named in the log.": (
        "yang memerlukan mulai ulang lalu disebut di log."
    ),
    "One of {words}.": "Salah satu dari {words:text}.",
    "From {low} to {high}.": "Dari {low} sampai {high}.",
    "At least {low}.": "Paling sedikit {low}.",
    "At most {high}.": "Paling banyak {high}.",
    "In {unit}.": "Dalam {unit:said}.",
    "days": "hari",
    "weeks": "minggu",
    "months": "bulan",
    "Default: {value}; {change}.": "Bawaan: {value:said}; {change:said}.",
    "must be set": "harus disetel",
    "not set": "tidak disetel",
    "SIGHUP applies a change": "SIGHUP menerapkan perubahan",
    "a change takes a restart": "perubahan memerlukan mulai ulang",
    (
        "File with the key of the bucket, readable by the owner alone: its ID in the first"
        " line, the secret in the second."
    ): (
        "Berkas berisi kunci bucket, hanya dapat dibaca pemiliknya: ID-nya di baris pertama,"
        " rahasianya di baris kedua."
    ),
    (
        "In place of a folder: a bucket of an S3-compatible store, https://HOST/BUCKET/PREFIX,"
        " with ?region=NAME where the host's name does not tell it. It wants a passphrase_file."
    ): (
        "Sebagai ganti folder: bucket penyimpanan yang kompatibel dengan S3,"
        " https://HOST/BUCKET/PREFIX, dengan ?region=NAMA bila nama host tidak menyebutnya."
        " Memerlukan passphrase_file."
    ),
    (
        "Wrong commands in a row before the connection is closed; five times as many from a"
        " client that has signed in."
    ): (
        "Perintah salah berturut-turut sebelum koneksi ditutup; lima kali lebih banyak dari"
        " klien yang sudah masuk."
    ),
}
