from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from merpati.app import config, installation
from merpati.app.config import (
    GROUPS,
    applied,
    differ,
    needs_restart,
    read_config,
    render_config,
)
from merpati.app.installation import (
    BlobSettings,
    Config,
    DnsSettings,
    LogSettings,
    ServerSettings,
    StoreSettings,
    TlsSettings,
    find_config,
)
from merpati.app.listeners import Listener, port_set
from merpati.base import settings
from merpati.base.faults import Fault, Kind

CASES = Path(__file__).parent / "configs"


def read(folder: Path, text: str) -> Config:
    file = folder / "merpati.toml"
    file.write_text(text)
    return read_config(file)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.toml")), ids=lambda case: case.stem)
def test_a_wrong_file_is_refused_with_exactly_this_sentence(case: Path) -> None:
    with pytest.raises(Fault) as caught:
        read_config(case)
    assert caught.value.kind is Kind.CONFIG
    expected = case.with_suffix(".txt").read_text().removesuffix("\n")
    assert caught.value.text.replace(str(case), case.name) == expected


def test_every_expected_sentence_has_its_wrong_file() -> None:
    stems = {case.stem for case in CASES.glob("*.toml")}
    assert len(stems) > 30
    assert stems == {case.stem for case in CASES.glob("*.txt")}


def test_no_error_shows_the_password_of_the_store() -> None:
    assert "t0p" not in "".join(case.read_text() for case in CASES.glob("*.txt"))


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [server]
        hostname = "mail.example.org"
        data = "/srv/mail"
        workers = 3
        language = "id"
        [store]
        engine = "postgresql"
        dsn = "postgresql://merpati@localhost/merpati"
        [blobs]
        path = "large"
        [log]
        level = "debug"
        format = "json"
        [tls]
        certificate = ["a.pem", "/etc/b.pem"]
        key = ["a.key", "/etc/b.key"]
        [dns]
        nameservers = ["192.0.2.53", "127.0.0.1:5353", "[::1]:53", "2001:db8::53"]
        [[listener]]
        service = "imaps"
        port = 993
        [[listener]]
        service = "smtp"
        path = "smtp.sock"
        """,
    )
    server, store = found[ServerSettings], found[StoreSettings]
    assert (server.hostname, server.workers, server.language) == ("mail.example.org", 3, "id")
    assert server.data == found.data == Path("/srv/mail")
    assert (store.engine, store.dsn.reveal()) == (
        "postgresql",
        "postgresql://merpati@localhost/merpati",
    )
    assert found.blobs == found[BlobSettings].path == tmp_path / "large"
    assert (found[LogSettings].level, found[LogSettings].format) == ("debug", "json")
    assert found[TlsSettings].certificate == (tmp_path / "a.pem", Path("/etc/b.pem"))
    assert found[TlsSettings].key == (tmp_path / "a.key", Path("/etc/b.key"))
    assert found[DnsSettings].endpoints() == [
        ("192.0.2.53", 53),
        ("127.0.0.1", 5353),
        ("::1", 53),
        ("2001:db8::53", 53),
    ]
    assert [one.place() for one in found.listeners] == ["*:993", str(tmp_path / "smtp.sock")]
    assert [one.implicit_tls for one in found.listeners] == [True, False]


def test_relative_paths_are_relative_to_the_files_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    read(tmp_path / "deep", '[server]\nhostname = "a.test"\n')
    monkeypatch.chdir(tmp_path)
    found = read_config(Path("deep/merpati.toml"))
    assert found.data == tmp_path / "deep/data"
    assert found.database == tmp_path / "deep/data/merpati.sqlite"
    assert found.blobs == tmp_path / "deep/data/blobs"


def test_two_listeners_may_both_ask_for_any_free_port(tmp_path: Path) -> None:
    text = '[[listener]]\nservice = "imap"\nport = 0\n'
    found = read(tmp_path, '[server]\nhostname = "a.test"\n' + text + text)
    assert len(found.listeners) == 2


@pytest.mark.parametrize("ports", ["standard", "high", "high+1000"])
def test_a_fresh_file_is_read_back(tmp_path: Path, ports: str) -> None:
    tls = {"certificate": ["tls/certificate.pem"], "key": ["tls/key.pem"]}
    text = render_config("mail.example.org", ports, {"tls": tls, "server": {"workers": 2}})
    found = read(tmp_path, text)
    assert found[ServerSettings].hostname == "mail.example.org"
    assert found[ServerSettings].workers == 2
    assert found[TlsSettings].key == (tmp_path / "tls/key.pem",)
    assert found.listeners == tuple(
        one if one.path is None else dataclasses.replace(one, path=tmp_path / one.path)
        for one in port_set(ports)
    )


def test_a_fresh_file_offers_every_setting_and_each_offer_is_valid(tmp_path: Path) -> None:
    text = render_config("mail.example.org", "high", {"tls": {"certificate": "a", "key": "b"}})
    for heading, group in GROUPS.items():
        assert f"\n[{heading}]\n" in text
        section = text.split(f"\n[{heading}]\n")[1].split("\n\n\n")[0].split("\n# A TCP port")[0]
        for one in settings.declared(group).values():
            (line,) = (
                line
                for line in section.splitlines()
                if line.lstrip("#").startswith(f"{one.name} =")
            )
            value = tomllib.loads(line.lstrip("#"))[one.name]
            settings._convert(one, value)
    assert len(text.splitlines()) == len([line for line in text.splitlines() if len(line) <= 100])


def test_the_reference_names_every_setting() -> None:
    text = config.reference()
    for heading, group in [*GROUPS.items(), ("[listener]", Listener)]:
        assert f"## `[{heading}]`" in text
        for name in settings.declared(group):
            assert f"| `{name}` |" in text


def test_what_takes_a_restart_is_named(tmp_path: Path) -> None:
    base = '[server]\nhostname = "a.test"\n'
    old = read(tmp_path, base)
    assert needs_restart(old, read(tmp_path, base + '[log]\nlevel = "debug"\n')) == []
    assert needs_restart(
        old, read(tmp_path, base + 'workers = 2\n[[listener]]\nservice = "imap"\nport = 143\n')
    ) == ["server.workers", "listener"]


def test_a_reload_applies_all_but_what_takes_a_restart(tmp_path: Path) -> None:
    base = '[server]\nhostname = "a.test"\n'
    old = read(tmp_path, base)
    new = applied(old, read(tmp_path, base + 'workers = 2\n[log]\nlevel = "debug"\n'))
    assert (new[ServerSettings].workers, new[LogSettings].level) == (0, "debug")
    assert differ(old, new)
    assert not differ(old, applied(old, read(tmp_path, base + "workers = 2\n")))


def test_the_option_is_looked_at_first_then_the_variable_then_the_folder(tmp_path: Path) -> None:
    for name in ("option", "variable"):
        (tmp_path / name).touch()
    (tmp_path / "merpati.toml").touch()
    environ = {"MERPATI_CONFIG": str(tmp_path / "variable")}
    option = tmp_path / "option"
    assert find_config(option, environ, tmp_path) == option
    assert find_config(None, environ, tmp_path) == tmp_path / "variable"
    assert find_config(None, {}, tmp_path) == tmp_path / "merpati.toml"


def test_the_systems_file_is_looked_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.toml"
    system.touch()
    monkeypatch.setattr(installation, "SYSTEM_FILE", system)
    assert find_config(None, {}, tmp_path) == system


def test_a_file_that_is_named_and_missing_is_not_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "merpati.toml").touch()
    missing = tmp_path / "missing.toml"
    for option, environ in ((missing, {}), (None, {"MERPATI_CONFIG": str(missing)})):
        with pytest.raises(
            Fault, match=r"There is no configuration file .*missing\.toml"
        ) as caught:
            find_config(option, environ, tmp_path)
        assert "merpati init" in caught.value.text


def test_when_there_is_no_file_every_place_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "SYSTEM_FILE", tmp_path / "etc/merpati.toml")
    with pytest.raises(Fault) as caught:
        find_config(None, {}, tmp_path)
    assert caught.value.text == (
        "There is no configuration file: not given with -c, not in $MERPATI_CONFIG, and neither"
        f" {tmp_path}/merpati.toml nor {tmp_path}/etc/merpati.toml exists;"
        ' make one with "merpati init", or name yours with -c.'
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        read_config(tmp_path)
    assert caught.value.text == f"{tmp_path} cannot be read: Is a directory."
