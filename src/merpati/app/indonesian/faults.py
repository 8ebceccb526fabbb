"""What store, services and network refuse, in Indonesian: any command may meet it."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "a message with this idempotency key is being sent": (
        "pesan dengan kunci idempotensi ini sedang dikirim"
    ),
    "another message was sent with this idempotency key": (
        "pesan lain sudah dikirim dengan kunci idempotensi ini"
    ),
    "an account has at most {most} app passwords; remove some": (
        "sebuah akun paling banyak punya {most} kata sandi aplikasi; hapus sebagian"
    ),
    "there is such an app password already": "kata sandi aplikasi seperti itu sudah ada",
    "there is no such app password": "tidak ada kata sandi aplikasi seperti itu",
    "a stored message is damaged: {reason}": "sebuah pesan tersimpan rusak: {reason:said}",
    "a stored message has {found} bytes instead of {wanted}": (
        "sebuah pesan tersimpan berisi {found} byte, seharusnya {wanted}"
    ),
    "the file of a stored message cannot be read: {file}: {reason}": (
        "berkas pesan tersimpan tidak terbaca: {file:text}: {reason:text}"
    ),
    "{file} has {found} bytes instead of {wanted}": (
        "{file:text} berisi {found} byte, seharusnya {wanted}"
    ),
    "not enough disk space for new mail; try again later": (
        "ruang cakram tidak cukup untuk surat baru; coba lagi nanti"
    ),
    "the disk is full; try again later": "cakram penuh; coba lagi nanti",
    "the message could not be stored: {reason}": "pesan tidak dapat disimpan: {reason:text}",
    "{name} is a domain alias; remove it first with: {command}": (
        "{name} adalah alias domain; hapus dahulu dengan: {command:text}"
    ),
    "domain {name} is not served here; add it with: {command}": (
        "domain {name} tidak dilayani di sini; tambahkan dengan: {command:text}"
    ),
    "domain {name} still has {count} addresses; remove or rename their accounts first": (
        "domain {name} masih punya {count} alamat; hapus atau ganti nama akunnya dahulu"
    ),
    "{name} is an alias already; see: merpati domain list": (
        "{name} sudah menjadi alias; lihat: merpati domain list"
    ),
    "there is no domain alias {name}; see: merpati domain list": (
        "tidak ada alias domain {name}; lihat: merpati domain list"
    ),
    "{address} is an alias; remove it first with: {command}": (
        "{address} adalah alias; hapus dahulu dengan: {command:text}"
    ),
    "{address} is a mailing list; remove it first with: {command}": (
        "{address} adalah milis; hapus dahulu dengan: {command:text}"
    ),
    "the email is gone": "suratnya sudah tidak ada",
    "the mailbox is gone": "kotak suratnya sudah tidak ada",
    "a mailbox may lie at most {most} levels deep": "kotak surat paling dalam {most} tingkat",
    "{name} is where mailboxes of others are found": (
        "{name:text} adalah tempat kotak surat orang lain"
    ),
    "there is no mailbox {name}": "tidak ada kotak surat {name:text}",
    "mailbox {name} exists already": "kotak surat {name:text} sudah ada",
    "{name} cannot move below itself": (
        "{name:text} tidak dapat dipindahkan ke bawah dirinya sendiri"
    ),
    "INBOX cannot be deleted": "INBOX tidak dapat dihapus",
    "{name} has mailboxes below it; delete those first": (
        "{name:text} punya kotak surat di bawahnya; hapus itu dahulu"
    ),
    "an account has at most {most} mailboxes": (
        "sebuah akun paling banyak punya {most} kotak surat"
    ),
    "an annotation may have {most} bytes at most": "sebuah catatan paling banyak {most} byte",
    "at most {most} annotations of a mailbox": (
        "paling banyak {most} catatan untuk sebuah kotak surat"
    ),
    "too many programs have registered; try again tomorrow": (
        "terlalu banyak program mendaftar; coba lagi besok"
    ),
    "that takes the right {right} in {mailbox}": "untuk itu perlu hak {right} di {mailbox:text}",
    "that takes the right {right} above {mailbox}": (
        "untuk itu perlu hak {right} di atas {mailbox:text}"
    ),
    "the store is closed": "penyimpanan sudah ditutup",
    "the database is too busy with the same rows: {reason}; try again": (
        "basis data terlalu sibuk dengan baris yang sama: {reason:text}; coba lagi"
    ),
    (
        "synchronous_commit is off, so a crash of the database loses acknowledged mail; set it"
        " to on for this database"
    ): (
        "synchronous_commit mati, sehingga bila basis data terhenti mendadak surat yang sudah"
        " diterima hilang; nyalakan untuk basis data ini"
    ),
    "the database has encoding {name}; create it with: {command}": (
        "basis data ber-encoding {name}; buat dengan: {command:text}"
    ),
    "an account has at most {most} push subscriptions": (
        "sebuah akun paling banyak punya {most} langganan push"
    ),
    "that would exceed the quota; delete some mail first": (
        "itu akan melebihi kuota; hapus sebagian surat dahulu"
    ),
    "that would exceed the quota of the domain; tell your administrator": (
        "itu akan melebihi kuota domain; beri tahu administrator Anda"
    ),
    "a mailbox is shared with {most} at most": (
        "sebuah kotak surat dibagi paling banyak dengan {most}"
    ),
    "the store has schema {one}, this release knows {other}; upgrade it": (
        "penyimpanan berskema {one}, rilis ini mengenal {other}; mutakhirkan rilisnya"
    ),
    (
        "the store was made before step {step} of the schema changed, which happens until the"
        " first release; make a new installation (of the demo: remove var/demo)"
    ): (
        "penyimpanan dibuat sebelum langkah {step} skemanya berubah, yang terjadi sampai rilis"
        " pertama; buat instalasi baru (untuk demo: hapus var/demo)"
    ),
    "an account has at most {most} passkeys; remove some": (
        "sebuah akun paling banyak punya {most} passkey; hapus sebagian"
    ),
    "this passkey is known already": "passkey ini sudah dikenal",
    "it has passed {count} servers: a mail loop": (
        "sudah melewati {count} server: surat berputar-putar"
    ),
    "the mailbox is full": "kotak surat penuh",
    "From and Sender: {reason}": "From dan Sender: {reason:said}",
    "the message has more than one Sender field": "pesan punya lebih dari satu Sender",
    "it is not clear who the message is from: {reason}": (
        "tidak jelas pesan ini dari siapa: {reason:said}"
    ),
    "it has bytes outside of lines that may not be encoded, as in a signed part": (
        "berisi byte yang tidak boleh dikodekan, misalnya dalam bagian bertanda tangan"
    ),
    'challenge = "dns-01" needs a name server that takes updates: set [dns_update].': (
        'challenge = "dns-01" memerlukan server nama yang menerima pembaruan: setel [dns_update].'
    ),
    "your account has reached its limit of {limit} in an hour; try again later": (
        "akun Anda mencapai batas {limit:text} per jam; coba lagi nanti"
    ),
    "{who} has reached its limit of {limit} to other domains; try again {when}": (
        "{who:text} mencapai batas {limit:text} ke domain lain; coba lagi {when:text}"
    ),
    "sign in in the browser; a password alone will not do here": (
        "masuklah lewat peramban; kata sandi saja tidak cukup di sini"
    ),
    "sign in in the browser; nothing else will do here": (
        "masuklah lewat peramban; cara lain tidak dapat di sini"
    ),
    "the token is not good, or not any more": "tokennya tidak berlaku, atau tidak lagi",
    "the token is not good, or not for this": "tokennya tidak berlaku, atau tidak untuk ini",
    "sign in first": "masuklah dahulu",
    "sign in again": "masuklah lagi",
    "the certificate is for several accounts: say which": (
        "sertifikat ini untuk beberapa akun: sebutkan yang mana"
    ),
    "the certificate is not for such an account": "sertifikat ini bukan untuk akun itu",
    "wrong name or password": "nama atau kata sandi salah",
    "too many wrong passwords from your address; wait a while": (
        "terlalu banyak kata sandi salah dari alamat Anda; tunggu sebentar"
    ),
    "another worker has finished it": "sudah diselesaikan proses lain",
    "this took too long; begin again": "terlalu lama; mulai lagi",
    "this was asked for something else; begin again": "ini diminta untuk hal lain; mulai lagi",
    "this passkey is not known here": "passkey ini tidak dikenal di sini",
    "this passkey was copied; remove it": "passkey ini telah disalin; hapuslah",
    "there is no such passkey": "tidak ada passkey seperti itu",
    "passkeys need a host name; open this page by its name instead of its address": (
        "passkey memerlukan nama host; buka halaman ini dengan namanya, bukan alamatnya"
    ),
    "no user id of this key is an address of yours": (
        "tidak ada identitas di kunci ini yang merupakan alamat Anda"
    ),
    "nothing of {address} can be restored": "tidak ada milik {address} yang dapat dipulihkan",
    "{address} is not served here; sign in to send there": (
        "{address} tidak dilayani di sini; masuklah untuk mengirim ke sana"
    ),
    "there is no mailbox {address} here": "tidak ada kotak surat {address} di sini",
    "the mailbox {address} is disabled": "kotak surat {address} dinonaktifkan",
    "no domain is served here yet": "belum ada domain yang dilayani di sini",
    (
        "a stored password does not open with {file}: bring the right file back, or set the"
        " password again"
    ): (
        "kata sandi tersimpan tidak dapat dibuka dengan {file:text}: kembalikan berkas yang"
        " benar, atau setel ulang kata sandinya"
    ),
    "{file} is no key of ours": "{file:text} bukan kunci kita",
    "there is an authenticator app already; remove it first": (
        "aplikasi autentikator sudah ada; hapus dahulu"
    ),
    "begin with the authenticator app first": "mulailah dengan aplikasi autentikator",
    "there is no authenticator app": "tidak ada aplikasi autentikator",
    "wrong code": "kode salah",
    "too many wrong codes; wait a few minutes": "terlalu banyak kode salah; tunggu beberapa menit",
    "there is no such session": "tidak ada sesi seperti itu",
    "this profile is not there any more; make a new one": (
        "profil ini sudah tidak ada; buat yang baru"
    ),
    "acting for another account is not possible": (
        "bertindak atas nama akun lain tidak dapat dilakukan"
    ),
    "{text} is no way to send mail: {hint}": (
        "{text:text} bukan jalur untuk mengirim surat: {hint:said}"
    ),
    "too many questions from your address; wait a minute": (
        "terlalu banyak pertanyaan dari alamat Anda; tunggu sebentar"
    ),
    "use a code or a passkey; the password is not enough": (
        "pakai kode atau passkey; kata sandi saja tidak cukup"
    ),
    "{address} is the last administrator; name another one first": (
        "{address} administrator terakhir; tunjuk yang lain dahulu"
    ),
    "{name} is no name: write it in one line of plain text": (
        "{name} bukan nama: tulislah dalam satu baris teks biasa"
    ),
    "the message cannot be composed: {reason}": "pesan tidak dapat disusun: {reason:said}",
    "{address} administers more than you do; ask an administrator": (
        "{address} mengelola lebih banyak daripada Anda; mintalah kepada administrator"
    ),
    "the first line names the columns: {names}; address has to be there": (
        "baris pertama menyebut kolom: {names:text}; address harus ada"
    ),
    'no such column: "{name}"; there are {names}: name it so, or take it out': (
        'tidak ada kolom "{name}"; yang ada {names:text}: namai begitu, atau buang'
    ),
    (
        'the line has more cells than the first one; put what holds a comma between quotes (")'
    ): 'barisnya punya lebih banyak sel daripada baris pertama; apit yang berisi koma dengan (")',
    "a table has at most {most} rows; split it": (
        "sebuah tabel paling banyak {most} baris; bagilah"
    ),
    "the table cannot be read: {reason}": "tabel tidak terbaca: {reason:text}",
    "{address} reaches every account it is for; set its audience to named first": (
        "{address} menjangkau semua akun sasarannya; setel jangkauannya ke named dahulu"
    ),
    "say which: ids, a pattern, or everything": "sebutkan yang mana: id, pola, atau semuanya",
    'to delete everything, name a pattern: recipient "*"': (
        'untuk menghapus semuanya, sebutkan pola: recipient "*"'
    ),
    "say where to: {how}": "sebutkan ke mana: {how:text}",
    "say what to hold: sender, recipient or destination; '*' is everything": (
        "sebutkan yang ditahan: sender, recipient, atau destination; '*' berarti semuanya"
    ),
    "{address} is no address of yours, or not one that this token sends for": (
        "{address} bukan alamat Anda, atau bukan alamat yang boleh dipakai token ini"
    ),
    "say to whom: to, cc or bcc": "sebutkan kepada siapa: to, cc, atau bcc",
    "a message has at most {most} recipients": "sebuah pesan paling banyak {most} penerima",
    "you have sent no message {id}": "Anda tidak mengirim pesan {id}",
    "senders are for a token that is only to send": (
        "senders hanya untuk token yang khusus mengirim"
    ),
    "an account has at most {most} tokens": "sebuah akun paling banyak punya {most} token",
    "there is no token {id}": "tidak ada token {id}",
    (
        "{name} has a TXT record that an update cannot carry along; publish by hand: {other}"
        " TXT {value}"
    ): (
        "{name} punya catatan TXT yang tidak dapat dibawa pembaruan; terbitkan dengan tangan:"
        " {other} TXT {value:text}"
    ),
    "{host} does not take {challenge} as a proof for {name}, but {others}.": (
        "{host} tidak menerima {challenge} sebagai bukti untuk {name}, tetapi {others:text}."
    ),
    "The name server {server} does not say which zone {name} is in: {reason}.": (
        "Server nama {server} tidak menyebut {name} berada di zona mana: {reason:text}."
    ),
    "The name server {server} has no zone for {name}.": (
        "Server nama {server} tidak punya zona untuk {name}."
    ),
    "The name server {server} answered without a signature.": (
        "Server nama {server} menjawab tanpa tanda tangan."
    ),
    "The name server {server} does not accept the key {name}: {reason}": (
        "Server nama {server} tidak menerima kunci {name}: {reason:text}"
    ),
    "The name server {server} refused to change {name}: {reason}.": (
        "Server nama {server} menolak mengubah {name}: {reason:text}."
    ),
    "The name server {server} took no update: {reason}.": (
        "Server nama {server} tidak menerima pembaruan: {reason:text}."
    ),
    "The key {name} for DNS updates is none: {reason}.": (
        "Kunci {name} untuk pembaruan DNS bukan kunci: {reason:text}."
    ),
    "{url} gave no whole answer within {seconds} s.": (
        "{url} tidak memberi jawaban utuh dalam {seconds} detik."
    ),
    "{url} answered with something that is not HTTP: {reason}.": (
        "{url} menjawab dengan sesuatu yang bukan HTTP: {reason:text}."
    ),
    "{host} said: {answer}": "{host:text} menjawab: {answer:text}",
    "{host} offers no STARTTLS": "{host:text} tidak menawarkan STARTTLS",
    "{host} offers no AUTH=PLAIN, which a master user needs": (
        "{host:text} tidak menawarkan AUTH=PLAIN, yang diperlukan pengguna utama"
    ),
    "{host} takes no password here; use TLS": (
        "{host:text} tidak menerima kata sandi di sini; pakai TLS"
    ),
    "{host} does not let {user} in: {answer}": (
        "{host:text} tidak mengizinkan {user:text} masuk: {answer:text}"
    ),
    "{host} asks for more to sign in": "{host:text} meminta lebih dari itu untuk masuk",
    "{host} did not prove that it knows the password": (
        "{host:text} tidak membuktikan bahwa ia tahu kata sandinya"
    ),
    "{host} does not stop telling": "{host:text} tidak berhenti mengirim",
    "{host} waits for what does not come": "{host:text} menunggu yang tidak datang",
    "{host} answers what was not asked": "{host:text} menjawab yang tidak ditanyakan",
    "{host} has numbered its messages anew meanwhile; look again": (
        "{host:text} sementara itu menomori ulang pesannya; periksalah lagi"
    ),
    "{host} sends a message of more than {count} octets": (
        "{host:text} mengirim pesan yang lebih dari {count} oktet"
    ),
    "{host} ends the session: {reason}": "{host:text} mengakhiri sesi: {reason:text}",
    "{host} does not speak IMAP: {line}": "{host:text} tidak berbicara IMAP: {line:text}",
    "{host} does not speak POP3: {line}": "{host:text} tidak berbicara POP3: {line:text}",
    "{file} holds no certificates that can be read: {reason}": (
        "{file:text} tidak berisi sertifikat yang terbaca: {reason:text}"
    ),
    "{host} has no address: {reason}": "{host:text} tidak punya alamat: {reason:text}",
    "Too many connections; try again later.": "Terlalu banyak koneksi; coba lagi nanti.",
    "Too many connections from {peer}; close some first.": (
        "Terlalu banyak koneksi dari {peer}; tutup sebagian dahulu."
    ),
    "{host} left at once.": "{host} langsung memutus.",
    "{reason}, at step {step}.": "{reason:said}, pada langkah {step}.",
    "{host} is ending the session.": "{host} mengakhiri sesi.",
    "{text} is not a name for TLS.": "{text:text} bukan nama untuk TLS.",
    "The server is about to stop; try again in a minute.": (
        "Server akan berhenti; coba lagi sebentar lagi."
    ),
    "Waited too long for {what} ({seconds}).": (
        "Terlalu lama menunggu {what:text} ({seconds:text})."
    ),
    "The line is longer than {most} bytes.": "Barisnya lebih panjang dari {most} byte.",
    "Too many at the same time; try again later.": "Terlalu banyak sekaligus; coba lagi nanti.",
    "The server is stopping; try again in a minute.": (
        "Server sedang berhenti; coba lagi sebentar lagi."
    ),
    "there is no user {user}; make it with: {command}": (
        "tidak ada pengguna {user}; buat dengan: {command:text}"
    ),
    "process {id} serves {folder} already; stop it first": (
        "proses {id} sudah melayani {folder:text}; hentikan dahulu"
    ),
    "the connection to {host} broke ({reason}), at step {step}.": (
        "koneksi ke {host} terputus ({reason:text}), pada langkah {step:text}."
    ),
    "{host} closed the connection, at step {step}.": (
        "{host} menutup koneksi, pada langkah {step:text}."
    ),
    "{host} did not answer in time, at step {step}.": (
        "{host} tidak menjawab pada waktunya, pada langkah {step:text}."
    ),
    "{host} does not speak SMTP ({line}), at step {step}.": (
        "{host} tidak berbicara SMTP ({line:text}), pada langkah {step:text}."
    ),
    "{place}: {host} is not an IP address; use 0.0.0.0 or :: for all ({reason})": (
        "{place:text}: {host} bukan alamat IP; pakai 0.0.0.0 atau :: untuk semua ({reason:text})"
    ),
    "{name}: a shared mailbox is named without / and @": (
        "{name:text}: nama kotak surat bersama tanpa / dan @"
    ),
    "PostgreSQL needs its driver: pip install merpati[postgresql]": (
        "PostgreSQL memerlukan penggeraknya: pip install merpati[postgresql]"
    ),
    "PostgreSQL: the disk is full; free some space": (
        "PostgreSQL: cakram penuh; kosongkan sebagian ruang"
    ),
    "PostgreSQL: {reason}; check the address of the store": (
        "PostgreSQL: {reason:text}; periksa alamat penyimpanan"
    ),
    "{store}: {reason}; run merpati check, restore from a backup": (
        "{store:text}: {reason:text}; jalankan merpati check, pulihkan dari cadangan"
    ),
    "{name}: each level of a mailbox name has 1 to {most} printable characters": (
        "{name:text}: tiap tingkat nama kotak surat berisi 1 sampai {most} karakter yang dapat"
        " dicetak"
    ),
    "{file}: locked by another process for too long": (
        "{file:text}: terlalu lama dikunci proses lain"
    ),
    "{file}: the disk is full; free some space": (
        "{file:text}: cakram penuh; kosongkan sebagian ruang"
    ),
    "{address} leads to disabled mailboxes only": (
        "{address} hanya menuju kotak surat yang dinonaktifkan"
    ),
    "{address} leads to no mailbox": "{address} tidak menuju kotak surat mana pun",
    "{address} is not an address of {account}": "{address} bukan alamat {account}",
    "Sender of a message from {author} is {sender}": (
        "Sender pesan dari {author:text} adalah {sender:text}"
    ),
    "headers: {name} is not a field that you may set": (
        "headers: {name} bukan ruas yang boleh Anda setel"
    ),
    "{address} is disabled; enable it with: {command}": (
        "{address} dinonaktifkan; aktifkan dengan: {command:text}"
    ),
    (
        "{address} is full; give it more room with: {command}; then run the import again, which"
        " goes on where it ended; or use --ignore-quota"
    ): (
        "{address} penuh; beri ruang lebih dengan: {command:text}; lalu jalankan impor lagi, yang"
        " dilanjutkan dari yang terakhir; atau pakai --ignore-quota"
    ),
    (
        "the accounts of {domain} are full together; give them room with: {command}; then run the"
        " import again, which goes on where it ended; or use --ignore-quota"
    ): (
        "akun-akun {domain} bersama-sama penuh; beri ruang dengan: {command:text}; lalu jalankan"
        " impor lagi, yang dilanjutkan dari yang terakhir; atau pakai --ignore-quota"
    ),
    "blob {id} is not there": "blob {id} tidak ada",
    "the structure of blob {id}: {reason}": "struktur blob {id}: {reason:text}",
    "{folder} has no snapshot {name}": "{folder:text} tidak punya potret {name}",
    "{folder} has no snapshot": "{folder:text} tidak punya potret",
    "many keys are being looked up; try again soon": (
        "banyak kunci sedang dicari; coba lagi sebentar lagi"
    ),
    "no key of {address} is published": "tidak ada kunci {address} yang diterbitkan",
    "that is no address on the Internet": "itu bukan alamat di Internet",
}
