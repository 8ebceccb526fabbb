from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

from tests.app.conftest import Merpati
from tests.support.instance import free_ports

PASSWORD = "merpati terbang tinggi"


# init


def test_init_makes_an_installation_and_says_what_to_do(tmp_path: Path, merpati: Merpati) -> None:
    made = tmp_path / "b"
    done = merpati("init", str(made), "--domain", "B.id", "--ports", f"high+{free_ports()}")
    assert (done.status, done.err) == (0, "")
    assert re.search(r"administrator  admin@b\.id\n  password       (\w{5}-){3}\w{5} ", done.out)
    assert re.search(r"\n  b\.id\. +MX +10 mail\.b\.id\.\n", done.out)
    assert done.out.endswith(f"Then start it:  merpati serve -c {made}/merpati.toml\n")
    assert {one.name for one in made.iterdir()} == {"merpati.toml", "data", "tls"}
    assert (made / "tls/key.pem").stat().st_mode & 0o777 == 0o600
    found = merpati("account", "show", "postmaster@b.id", "-c", str(made / "merpati.toml"))
    assert "addresses  admin@b.id, postmaster@b.id" in found.out
    listed = merpati("domain", "list", "-c", str(made / "merpati.toml"))
    assert listed.out == "DOMAIN  ACCOUNTS\nb.id           1\n"


def test_init_twice_refuses_and_changes_nothing(folder: Path, merpati: Merpati) -> None:
    before = (folder / "merpati.toml").read_bytes()
    done = merpati("init", str(folder), "--domain", "a.id")
    assert done == (
        1, "", f"merpati init: {folder}/merpati.toml exists already; choose another folder\n",
    )  # fmt: skip
    assert (folder / "merpati.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--domain", "nodot"), "'nodot' is not a domain name"),
        (("--domain", "two words.id"), "'two words.id' is not a domain name"),
        (("--domain", "c.id", "--hostname", "a_b"), 'hostname = "a_b" is not a host name'),
        (("--domain", "c.id", "--admin", "me"), "'me' is not an address"),
        (("--domain", "c.id", "--admin", "me@d.id"), "me@d.id must have an address in c.id"),
        (("--domain", "c.id", "--admin", "a b@c.id"), "'a b@c.id' cannot be an address"),
    ],
)
def test_init_with_a_wrong_name_leaves_nothing_behind(
    tmp_path: Path, merpati: Merpati, words: tuple[str, ...], reason: str
) -> None:
    done = merpati("init", str(tmp_path / "c"), *words)
    assert done.status == 1
    assert done.err.startswith(f"merpati init: {reason}") or reason in done.err
    assert not (tmp_path / "c").exists()


def test_init_of_a_domain_with_other_letters_serves_its_a_labels(
    tmp_path: Path, merpati: Merpati
) -> None:
    assert merpati("init", str(tmp_path / "c"), "--domain", "München.de.").status == 0
    config = ("-c", str(tmp_path / "c" / "merpati.toml"))
    assert "xn--mnchen-3ya.de" in merpati("domain", "list", *config).out
    assert merpati("account", "show", "ADMIN@münchen.de", *config).status == 0
    again = merpati("domain", "add", "MÜNCHEN.de", *config)
    assert again.err == "merpati domain: domain xn--mnchen-3ya.de exists already\n"


def test_an_init_that_was_killed_is_begun_anew(tmp_path: Path, merpati: Merpati) -> None:
    folder = tmp_path / "c"
    assert merpati("init", str(folder), "--domain", "c.id").status == 0
    (folder / "merpati.toml").rename(folder / "merpati.toml.new")  # as before its last step
    assert merpati("init", str(folder), "--domain", "d.id").status == 0
    assert merpati("domain", "show", "d.id", "-c", str(folder / "merpati.toml")).status == 0
    assert not (folder / "merpati.toml.new").exists()


def test_init_touches_no_data_of_others(tmp_path: Path, merpati: Merpati) -> None:
    (tmp_path / "data").mkdir()
    done = merpati("init", str(tmp_path), "--domain", "c.id")
    assert (done.status, done.err) == (
        1, f"merpati init: {tmp_path / 'data'} exists already; choose another folder\n",
    )  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_init_in_a_file_says_so_in_one_line(tmp_path: Path, merpati: Merpati) -> None:
    (tmp_path / "file").touch()
    done = merpati("init", str(tmp_path / "file" / "sub"), "--domain", "c.id")
    name = tmp_path / "file" / "sub"
    assert (done.status, done.err) == (
        1,
        f"merpati init: {name} cannot be, for part of it is a file and no folder; check the name\n",
    )


def test_init_with_unknown_ports_makes_nothing(tmp_path: Path, merpati: Merpati) -> None:
    done = merpati("init", str(tmp_path / "c"), "--domain", "c.id", "--ports", "low")
    assert done == (
        1, "", 'merpati init: There is no set of ports "low": use standard, high or high+N.\n',
    )  # fmt: skip
    assert not (tmp_path / "c").exists()


# account


def test_an_account_is_made_with_a_password_that_is_shown_once(merpati: Merpati) -> None:
    done = merpati("account", "add", "Ani@a.id", "--name", "Ani Wijaya", "--quota", "2GB")
    assert done.status == 0
    assert re.fullmatch(
        r"Account ani@a\.id is ready\.\nPassword, shown only now: (\w{5}-){3}\w{5}\n", done.out
    )
    found = merpati("account", "show", "ani@a.id", "--json").json
    assert (found["name"], found["quota"], found["admin"]) == ("Ani Wijaya", 2 << 30, False)
    assert found["mailboxes"][0]["name"] == "INBOX"
    assert "password" not in found


def test_a_password_is_read_from_a_pipe_without_a_prompt(merpati: Merpati) -> None:
    done = merpati("account", "add", "budi@a.id", "--password-stdin", text=f"{PASSWORD}\n")
    assert done == (0, "Account budi@a.id is ready.\n", "")
    empty = merpati("account", "add", "cici@a.id", "--password-stdin")
    assert empty == (
        1, "",
        "merpati account: the password is empty; write it on standard input, one line\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("add admin@a.id", "address admin@a.id exists already"),
        (
            "add dodi@b.test",
            "domain b.test is not served here; add it with: merpati domain add b.test",
        ),
        ("add nobody", "'nobody' is not an address; write name@domain"),
        ("show eka@a.id", "there is no account eka@a.id; see: merpati account list"),
        ("remove eka@a.id", "there is no account eka@a.id; see: merpati account list"),
    ],
)
def test_what_an_account_cannot_be_is_one_line(words: str, sentence: str, merpati: Merpati) -> None:
    assert merpati("account", *words.split()) == (1, "", f"merpati account: {sentence}\n")


def test_a_size_that_is_none_is_wrong_usage(merpati: Merpati) -> None:
    done = merpati("account", "add", "fani@a.id", "--quota", "much")
    assert done.status == 2
    assert done.err.endswith("argument --quota: 'much' is no size; write 500MB, 2GB or 0\n")


def test_an_account_is_changed_disabled_and_removed(merpati: Merpati) -> None:
    assert merpati("account", "add", "gita@a.id").status == 0
    done = merpati("account", "set", "gita@a.id", "--name", "Gita", "--address", "gita.s@a.id")
    assert done == (0, "Account gita.s@a.id is changed.\n", "")
    assert merpati("account", "show", "gita@a.id", "--json").json["addresses"] == [
        "gita.s@a.id",
        "gita@a.id",
    ]
    assert merpati("account", "set", "gita@a.id").status == 2
    assert merpati("account", "disable", "gita@a.id").status == 0
    listed = {one["address"]: one for one in merpati("account", "list", "--json").json}
    assert listed["gita.s@a.id"]["disabled"] is True
    assert merpati("account", "enable", "gita@a.id").status == 0
    asked = merpati("account", "remove", "gita@a.id")
    assert asked == (1, "This erases 0 emails of gita.s@a.id for good; add --yes.\n", "")
    assert merpati("account", "remove", "gita@a.id", "--yes").status == 0
    assert merpati("account", "show", "gita@a.id").status == 1


# domain and alias


def test_accounts_are_made_from_a_table(merpati: Merpati, tmp_path: Path) -> None:
    table = tmp_path / "accounts.csv"
    table.write_text("alamat;nama;kuota\nhana@a.id;Hana;2GB\nnobody\n", "utf-8-sig")
    checked = merpati("account", "import", str(table), "--dry-run")
    assert checked.status == 1
    assert checked.out.endswith("1 accounts can be made, 1 cannot. Nothing is changed yet.\n")
    assert merpati("account", "show", "hana@a.id").status == 1
    made = merpati("account", "import", str(table))
    assert re.search(r"2  hana@a\.id  (\w{5}-){3}\w{5}\n", made.out)
    assert made.out.endswith("1 accounts are made, 1 could not be.\n")
    assert merpati("account", "show", "hana@a.id", "--json").json["quota"] == 2 << 30
    again = merpati("account", "import", str(table), "--json")
    assert again.json["rows"][0]["problem"] == "address hana@a.id exists already"
    missing = merpati("account", "import", str(tmp_path / "none.csv"))
    assert missing.err == (f"merpati account: {tmp_path}/none.csv does not exist; check the name\n")


def test_a_table_loses_no_cell_and_no_column_without_a_word(
    merpati: Merpati, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("address,passwort\nlost@a.id,chosen-by-hand-1\n")
    done = merpati("account", "import", str(file))
    assert (done.status, done.out) == (1, "")
    assert 'no such column: "passwort"; there are address, name, password' in done.err
    file.write_text('address,name,\ntwo@a.id,"Dua\nBaris",\nmore@a.id,Budi, S.\nTWO@a.id,Again\n')
    tried = merpati("account", "import", str(file), "--dry-run", "--json").json
    made = merpati("account", "import", str(file), "--json").json
    for told in (tried, made):
        assert [row["problem"][:38] for row in told["rows"]] == [
            "", "the line has more cells than the first", "address TWO@a.id exists already"
        ]  # fmt: skip
    assert merpati("account", "show", "two@a.id", "--json").json["name"] == "Dua Baris"


def test_domains_are_added_shown_and_removed(merpati: Merpati) -> None:
    assert merpati("domain", "add", "C.id") == (
        0, "c.id is served here now. Publish its records: merpati dns c.id\n", "",
    )  # fmt: skip
    assert merpati("domain", "add", "c.id").err == "merpati domain: domain c.id exists already\n"
    shown = merpati("domain", "show", "c.id", "--json").json
    assert shown == {
        "name": "c.id", "accounts": [], "aliases": [], "quota": 0, "quota_emails": 0,
    }  # fmt: skip
    assert {"name": "c.id", "aliases": []} in merpati("domain", "list", "--json").json
    assert merpati("domain", "remove", "c.id").status == 0
    used = merpati("domain", "remove", "a.id")
    assert used.status == 1
    assert re.fullmatch(
        r"merpati domain: domain a\.id still has \d addresses;"
        r" remove or rename their accounts first\n",
        used.err,
    )


def test_aliases_are_added_listed_and_removed(merpati: Merpati) -> None:
    assert merpati("alias", "add", "sales@a.id", "admin@a.id", "x@y.test").status == 0
    assert merpati("alias", "list", "--json").json == [
        {"address": "sales@a.id", "targets": ["admin@a.id", "x@y.test"]}
    ]
    assert merpati("alias", "add", "admin@a.id", "x@y.test").err == (
        "merpati alias: admin@a.id is the address of an account\n"
    )
    assert merpati("alias", "remove", "sales@a.id", "x@y.test").status == 0
    assert merpati("alias", "list").out == "ADDRESS     GOES TO\nsales@a.id  admin@a.id\n"
    assert merpati("alias", "remove", "sales@a.id").status == 0
    assert merpati("alias", "list").out == "No alias yet: merpati alias add ADDRESS TARGET\n"
    assert merpati("alias", "remove", "sales@a.id").err == (
        "merpati alias: there is no alias sales@a.id; see: merpati alias list\n"
    )


# queue


def test_an_empty_queue_says_so(merpati: Merpati) -> None:
    assert merpati("queue", "list").out == "The queue is empty.\n"
    assert merpati("queue", "list", "--json").json == []
    assert (
        merpati("queue", "show", "7").err == "merpati queue: there is no message 7 in the queue\n"
    )
    retried = merpati("queue", "retry", "7")
    assert (retried.status, retried.out) == (1, "")
    assert retried.err.startswith("merpati queue: nothing of that is in the queue")
    assert merpati("queue", "hold", "all").status == 0
    assert merpati("queue", "bounce", "x").err == (
        "merpati queue: 'x' is no queue id; see: merpati queue list\n"
    )


# dns


def test_the_records_of_a_domain_are_shown_as_table_zone_and_json(merpati: Merpati) -> None:
    table = merpati("dns", "a.id").out
    assert re.search(r"^a\.id\. +MX +10 mail\.a\.id\.$", table, re.MULTILINE)
    assert re.search(r'^a\.id\. +TXT +"v=spf1 mx -all"$', table, re.MULTILINE)
    assert re.search(r'^r\d+\._domainkey\.a\.id\. +TXT +"v=DKIM1; k=rsa; p=', table, re.MULTILINE)
    zone = merpati("dns", "a.id", "--zone").out
    assert '\n_dmarc.a.id.\tIN\tTXT\t"v=DMARC1; p=none; rua=mailto:postmaster@a.id"\n' in zone
    assert "\n; mail.a.id.\tIN\tA\t<IPv4 address of this server>\n" in zone
    found = merpati("dns", "a.id", "--json").json
    names = {(one["name"], one["type"]) for one in found["records"]}
    for service in ("submissions", "submission", "imaps", "imap", "pop3s"):
        assert (f"_{service}._tcp.a.id.", "SRV") in names
    assert [note.partition(":")[0] for note in found["notes"]] == ["PTR", "CAA"]


def test_records_are_only_shown_for_domains_served_here(merpati: Merpati) -> None:
    assert merpati("dns", "example.org").err == (
        "merpati dns: domain example.org is not served here;"
        " add it with: merpati domain add example.org\n"
    )


# config


def test_a_setting_is_explained(merpati: Merpati) -> None:
    done = merpati("config", "explain", "queue.retry")
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        'queue.retry: Wait this long between two tries.\nDefault: "15m"; SIGHUP applies a change.\n'
    )
    assert merpati("config", "explain", "queue.retri").err == (
        'merpati config: There is no setting "queue.retri": did you mean "queue.retry"?\n'
    )


def test_the_settings_in_use_are_shown(folder: Path, merpati: Merpati) -> None:
    shown = merpati("config", "show").out
    assert shown.startswith(f'# {folder}/merpati.toml\n\n[server]\nhostname = "mail.a.id"\n')
    assert 'retry = "15m"' in shown
    assert 'retry = "15m"' not in merpati("config", "show", "--changed").out
    found = merpati("config", "show", "--json").json
    assert found["server"]["data"] == str(folder / "data")
    assert found["store"]["dsn"] == "[secret]"
    assert {one["service"] for one in found["listener"]} >= {"smtp", "imaps", "pop3s"}


def test_a_sample_file_and_the_reference_are_printed(merpati: Merpati) -> None:
    sample = merpati("config", "sample", "--hostname", "mx.b.id").out
    assert 'hostname = "mx.b.id"' in sample
    assert '#retry = "15m"' in sample
    assert "## `[queue]`" in merpati("config", "reference").out


# check


def test_a_healthy_store_is_found_healthy(merpati: Merpati) -> None:
    done = merpati("check")
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith(": all is well.\n")


def test_damage_is_found_and_mended(folder: Path, merpati: Merpati) -> None:
    with apsw.Connection(str(folder / "data/merpati.sqlite")) as db:
        db.execute("UPDATE mailbox SET total = 7 WHERE account_id = 1 AND id = 1")
    db.close()
    done = merpati("check")
    assert done.status == 1
    assert "1 damage found, 0 mended.\n  left    a mailbox does not hold as much" in done.out
    assert done.out.endswith("is, with: merpati check --repair\n")
    assert merpati("check", "--json").json["found"] == {"WRONG_COUNTERS": 1}
    mended = merpati("check", "--repair", "--json")
    assert mended.status == 0
    assert mended.json["mended"] == {"WRONG_COUNTERS": 1}
    assert merpati("check").status == 0


# trace


def test_a_trace_of_nothing_says_so(merpati: Merpati) -> None:
    assert merpati("trace", "nobody@a.id") == (
        1,
        "",
        "merpati trace: nothing is known of nobody@a.id; histories are kept for 90 days\n",
    )
