"""Roundcube in a browser on our server: mail read, sent, moved and found, and a filter made."""

from __future__ import annotations

import imaplib
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.browser import Browser, Page
from tests.support.instance import PASSWORD, Installation, free_port
from tests.support.programs import missing, need
from tests.support.unpacked import UNPACKED

pytestmark = pytest.mark.scenario

ANA: Final = "ana@a.id"
BENO: Final = "beno@a.id"
SECONDS: Final = 60
LETTER: Final = (
    b"From: Beno <beno@a.id>\r\nTo: ana@a.id\r\nSubject: %s\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0700\r\nMessage-ID: <%d@example.org>\r\n"
    b"\r\nThis letter speaks of %s.\r\n"
)
CONFIG: Final = """\
<?php
$trust = ['ssl' => ['cafile' => '{certificate}', 'peer_name' => 'localhost']];
$config = [
  'db_dsnw' => 'sqlite:///{folder}/roundcube.sqlite?mode=0600',
  'imap_host' => 'ssl://localhost:{imaps}', 'imap_conn_options' => $trust,
  'smtp_host' => 'ssl://localhost:{submissions}', 'smtp_conn_options' => $trust,
  'smtp_user' => '%u', 'smtp_pass' => '%p',
  'log_dir' => '{folder}/logs/', 'temp_dir' => '{folder}/temp/',
  'des_key' => 'twenty-four letters long', 'plugins' => ['managesieve'],
  'enable_spellcheck' => false, 'create_default_folders' => true,
];
"""
SIEVE: Final = """\
<?php
$config['managesieve_host'] = 'tls://localhost:{managesieve}';
$config['managesieve_conn_options'] =
  ['ssl' => ['cafile' => '{certificate}', 'peer_name' => 'localhost']];
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "a.id", ANA, BENO).serving() as one:
        yield one


def test_a_day_in_roundcube(server: Installation, tmp_path: Path) -> None:
    for number, topic in enumerate((b"rice", b"tea", b"coffee")):
        deliver(server, LETTER % (topic, number, topic))
    with roundcube(server, tmp_path) as site, Browser(need("chromium")) as browser:
        page = browser.page("about:blank")
        sign_in(page, site)
        assert listed(page) == ["coffee", "tea", "rice"]
        reads_a_letter(page, site)
        finds_by_a_word_of_the_body(page, site)
        writes_to_beno(page, site)
        makes_a_folder(page, site)
        moves_one_and_deletes_one(page, site)
        assert page.faults() == []
        makes_a_filter(page, site)  # outside of its frame, which it misses
        faults = tmp_path / "logs" / "errors.log"
        assert not faults.exists() or not faults.read_text()
    with signed_in(server, BENO) as session:
        session.select("INBOX")
        _, parts = session.fetch("1", "BODY.PEEK[]")
        [letter] = [part[1] for part in parts if isinstance(part, tuple)]
        assert b"Subject: Makan siang" in letter
        assert b"warung" in letter
    with signed_in(server, ANA) as session:
        assert seen(session, "INBOX", "ALL") == {b"tea"}
        assert seen(session, "Sent", "SEEN") == {b"Makan siang"}
        assert seen(session, "Work", "ALL") == {b"rice"}
        assert seen(session, "Trash", "ALL") == {b"coffee"}
        deliver(server, LETTER % (b"about rice", 7, b"a filter"))
        deliver(server, LETTER % (b"about tea", 8, b"no filter"))
        assert seen(session, "Work", "ALL") == {b"rice", b"about rice"}
        assert seen(session, "INBOX", "ALL") == {b"tea", b"about tea"}


def sign_in(page: Page, site: str) -> None:
    page.open(site)
    page.wait("document.querySelector('#rcmloginsubmit')")
    page.run(
        f"document.querySelector('#rcmloginuser').value = '{ANA}',"
        f"document.querySelector('#rcmloginpwd').value = '{PASSWORD}',"
        "document.querySelector('#rcmloginsubmit').click()"
    )
    page.wait("rcmail.env.task == 'mail' && rcmail.message_list.rowcount == 3")


def listed(page: Page) -> list[str]:
    """The subjects on the screen, the newest first."""
    rows: str = page.run(
        "[...document.querySelectorAll('#messagelist td.subject .subject a')]"
        ".map(one => one.innerText.trim()).join('|')"
    )
    return rows.split("|")


def reads_a_letter(page: Page, site: str) -> None:
    page.open(f"{site}?_task=mail&_mbox=INBOX&_action=show&_uid=2")
    page.wait("document.querySelector('#messagebody').innerText.includes('speaks of tea')")


def finds_by_a_word_of_the_body(page: Page, site: str) -> None:
    page.open(f"{site}?_task=mail&_mbox=INBOX")
    page.wait("rcmail.message_list.rowcount == 3")
    page.run(
        "rcmail.env.search_mods = {'*': {text: 1}},"
        "document.querySelector('#mailsearchform').value = 'speaks of coffee',"
        "rcmail.command('search')"
    )
    page.wait("rcmail.env.search_request && rcmail.message_list.rowcount == 1")
    assert listed(page) == ["coffee"]


def writes_to_beno(page: Page, site: str) -> None:
    page.open(f"{site}?_task=mail&_action=compose")
    page.wait("document.querySelector('#composebody') && rcmail.commands.send")
    page.run(
        f"document.querySelector('[name=_to]').value = '{BENO}',"
        "document.querySelector('[name=_subject]').value = 'Makan siang',"
        "document.querySelector('#composebody').value = 'Di warung biasa?',"
        "rcmail.command('send', {})"
    )
    page.wait("rcmail.env.action != 'compose' && rcmail.env.task == 'mail'")


def makes_a_folder(page: Page, site: str) -> None:
    page.open(f"{site}?_task=settings&_action=edit-folder&_framed=1")
    page.wait("document.querySelector('[name=_name]') && rcmail.commands.save")
    page.leave("document.querySelector('[name=_name]').value = 'Work', rcmail.command('save', {})")


def moves_one_and_deletes_one(page: Page, site: str) -> None:
    page.open(f"{site}?_task=mail&_mbox=INBOX")
    page.wait("rcmail.message_list.rowcount == 3")
    page.run("rcmail.message_list.select_row(1), rcmail.command('move', 'Work')")
    page.wait("rcmail.message_list.rowcount == 2 && jQuery.active == 0")  # the rows go sooner
    page.run("rcmail.message_list.select_row(3), rcmail.command('delete', {})")
    page.wait("rcmail.message_list.rowcount == 1 && jQuery.active == 0")


def makes_a_filter(page: Page, site: str) -> None:
    """What its form says: from now on, all whose subject has `rice` goes to Work."""
    page.open(f"{site}?_task=settings&_action=plugin.managesieve-action&_framed=1&_nav=hide")
    page.wait(
        "document.querySelector('[name=_name]') && rcmail.commands['plugin.managesieve-save']"
    )
    page.leave(
        """(() => {
          const set = (name, value) => {
            const field = document.querySelector(`[name^="${name}"]`);
            field.value = value;
            field.dispatchEvent(new Event('change', {bubbles: true}));
          };
          set('_name', 'Rice');
          set('_header', 'subject');
          set('_rule_op', 'contains');
          document.querySelector('#rule_target0_list input').value = 'rice';
          set('_action_type', 'fileinto');
          set('_action_mailbox', 'Work');
          rcmail.command('plugin.managesieve-save');
        })()"""
    )


@contextmanager
def roundcube(server: Installation, folder: Path) -> Iterator[str]:
    """A Roundcube for this server, below `folder`; where it is."""
    code = folder / "share" / "roundcube"
    shutil.copytree(shipped() / "usr/share/roundcube", code, symlinks=True)
    (code.parent / "javascript").symlink_to("/usr/share/javascript")
    configured = folder / "config"
    configured.mkdir()
    for name in ("logs", "temp"):
        (folder / name).mkdir()
    for name in ("defaults.inc.php", "mimetypes.php"):
        shutil.copy(shipped() / "etc/roundcube" / name, configured)
    facts = {
        "folder": folder,
        "certificate": server.certificate,
        **{name: server.port(name) for name in ("imaps", "submissions", "managesieve")},
    }
    (configured / "config.inc.php").write_text(filled(CONFIG, facts))
    sieve = code / "plugins" / "managesieve" / "config.inc.php"
    sieve.unlink()
    sieve.write_text(filled(SIEVE, facts))
    where = folder / "where.php"
    where.write_text(f"<?php define('INSTALL_PATH', '{code}/');\n")
    port = free_port()
    words = [need("php"), "-d", f"auto_prepend_file={where}", "-S", f"127.0.0.1:{port}"]
    words += ["-t", str(code)]
    settings = {"ROUNDCUBE_CONFIG_DIR": str(configured), "PHP_CLI_SERVER_WORKERS": "3"}
    with (folder / "php.log").open("wb") as log:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | settings,
            start_new_session=True,
        )  # fmt: skip
    try:
        listening(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(child.pid, 15)
        child.wait(SECONDS)


def shipped() -> Path:
    """Debian's Roundcube."""
    folder = UNPACKED / "roundcube"
    if not folder.exists():
        missing("roundcube-core is missing; .ci/run unpacks it into var/peers")
    return folder


def filled(text: str, facts: dict[str, object]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def listening(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def deliver(server: Installation, letter: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=10) as session:
        session.sendmail("someone@example.org", [ANA], letter)


def signed_in(server: Installation, address: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=server.certificate)
    session = imaplib.IMAP4_SSL("localhost", server.port("imaps"), ssl_context=context, timeout=10)
    session.login(address, PASSWORD)
    return session


def seen(session: imaplib.IMAP4_SSL, mailbox: str, criterion: str) -> set[bytes]:
    """The subjects of what a search finds in a mailbox."""
    status, _ = session.select(mailbox, readonly=True)
    assert status == "OK"
    found = session.search(None, criterion)[1][0].split()
    if not found:
        return set()
    _, parts = session.fetch(b",".join(found).decode(), "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    texts = [part[1] for part in parts if isinstance(part, tuple)]
    return {text.partition(b": ")[2].strip() for text in texts}
