"""The command line in English and Indonesian; that nothing is missing is said elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.app import cli, language
from merpati.app.commands import doctor
from merpati.services.diagnose.findings import ok, problem
from tests.app.conftest import Merpati


@pytest.fixture
def indonesian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERPATI_LANG", "id")


@pytest.mark.usefixtures("indonesian")
def test_the_overview_in_indonesian() -> None:
    told = cli.usage()
    assert told.startswith("pemakaian: merpati PERINTAH [ARGUMEN]\n")
    assert "  queue      surat yang menunggu dikirim\n" in told


@pytest.mark.usefixtures("indonesian")
def test_help_in_indonesian(merpati: Merpati) -> None:
    done = merpati("backup", "--help")
    assert done.out.startswith("pemakaian: merpati backup ")
    assert "Cadangkan semuanya ke folder" in done.out
    assert "merpati backup verify [DEST]   baca setiap berkas" in done.out
    assert "\nopsi:\n" in done.out
    assert "tampilkan bantuan ini lalu keluar" in done.out
    assert "buat akun" in merpati("account", "--help").out
    assert "misalnya 2GB; 0: tanpa kuota" in merpati("account", "add", "--help").out


@pytest.mark.usefixtures("indonesian")
def test_wrong_usage_in_indonesian(merpati: Merpati) -> None:
    done = merpati("domain", "add")
    assert done.status == 2
    assert done.err.startswith("pemakaian: merpati domain add [-h]")
    assert done.err.endswith("merpati domain add: galat: argumen berikut harus diberikan: domain\n")
    assert (
        "galat: argumen --quota: 'x' bukan ukuran"
        in merpati("domain", "set", "a.id", "--quota", "x").err
    )
    assert merpati("dommain").err == "merpati: tidak ada perintah dommain; maksud Anda domain?\n"


@pytest.mark.usefixtures("indonesian")
def test_what_commands_do_is_told_in_indonesian(merpati: Merpati) -> None:
    said = merpati("domain", "add", "b.id").out
    assert said == "b.id sekarang dilayani di sini. Terbitkan catatannya: merpati dns b.id\n"
    assert merpati("domain", "add", "b.id").err == "merpati domain: domain b.id sudah ada\n"
    assert merpati("account", "add", "ana@b.id").out.startswith("Akun ana@b.id sudah siap.\n")
    listed = merpati("account", "list", "b.id").out
    assert listed.startswith("ALAMAT ")
    assert "  tanpa" in listed
    assert merpati("queue", "list").out == "Antrean kosong.\n"
    assert "semua beres." in merpati("check").out
    assert "PTR: pihak yang memberi Anda alamat IP" in merpati("dns", "b.id").out
    assert "<alamat IPv4 server ini>" in merpati("dns", "b.id").out


@pytest.mark.usefixtures("indonesian")
def test_lists_states_and_limits_are_told_in_indonesian(merpati: Merpati) -> None:
    merpati("domain", "add", "c.id")
    merpati("account", "add", "ana@c.id")
    assert merpati("list", "create", "tim@c.id").out.startswith("Milis tim@c.id sudah siap.\n")
    assert "dimoderasi" in merpati("list", "show", "tim@c.id").out
    assert merpati("guard", "set", "ana@c.id", "--messages-per-hour", "5").out == (
        "ana@c.id: pesan per jam: 5.\n"
    )
    assert "  berikutnya  " in merpati("dkim", "list", "c.id").out or "aktif" in (
        merpati("dkim", "list", "c.id").out
    )
    assert merpati("webhook", "list").out.startswith("Belum ada webhook: ")


@pytest.mark.usefixtures("indonesian")
def test_settings_are_explained_in_indonesian(merpati: Merpati) -> None:
    assert merpati("config", "explain", "queue.retry").out == (
        "queue.retry: Tunggu selama ini di antara dua percobaan.\n"
        'Bawaan: "15m"; SIGHUP menerapkan perubahan.\n'
    )
    assert merpati("config", "explain", "queue.retri").err == (
        'merpati config: Tidak ada pengaturan "queue.retri": maksud Anda "queue.retry"?\n'
    )


@pytest.mark.usefixtures("indonesian")
def test_what_is_wrong_in_the_file_is_told_in_indonesian(merpati: Merpati, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[server]\nhostname = "a.id"\n[queue]\nretry = "soon"\n')
    said = merpati("config", "show", "-c", str(file)).err
    assert said == (
        f'merpati config: {file}: [queue] retry = "soon" bukan durasi: tulis detik, atau teks'
        ' seperti "15m" atau "5d".\n'
    )


@pytest.mark.usefixtures("indonesian")
def test_a_script_is_explained_in_indonesian(merpati: Merpati, tmp_path: Path) -> None:
    script, letter = tmp_path / "script", tmp_path / "letter"
    script.write_text('require ["fileinto"]; fileinto "Arsip";')
    letter.write_text("Subject: halo\n\nHalo.\n")
    told = merpati("sieve", "test", str(script), str(letter)).out
    assert told == (
        '  baris 1:    fileinto: dimasukkan ke "Arsip"\n'
        "Yang akan terjadi:\n"
        "  pesan dimasukkan ke Arsip\n"
    )


@pytest.mark.usefixtures("indonesian")
def test_programs_read_english_whatever_is_spoken(merpati: Merpati) -> None:
    found = merpati("dns", "a.id", "--json").json
    assert found["records"][0]["purpose"] == "where this server is"


@pytest.mark.usefixtures("indonesian")
def test_findings_in_indonesian() -> None:
    found = {
        "a.id": [
            problem("mx", "No mail can arrive.", "It does not arrive here.", "Remove all but one."),
            ok("ptr", "192.0.2.1 leads back to mail.a.id."),
        ]
    }
    assert doctor.tell(found) == [
        "a.id",
        "  MASALAH  mx   Tidak ada surat yang dapat masuk.",
        "                Sebab:   Surat itu tidak sampai ke sini.",
        "                Lakukan: Hapus semuanya kecuali satu.",
        "  baik     ptr  192.0.2.1 mengarah kembali ke mail.a.id.",
        "",
        "1 masalah.",
    ]


def test_the_locale_decides_when_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MERPATI_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "id_ID.UTF-8")
    assert language.tell("The queue is empty.") == "Antrean kosong."
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert language.tell("The queue is empty.") == "The queue is empty."
