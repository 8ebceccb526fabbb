"""Thunderbird on our server: an account set up, mail listed, read, moved, sent, and heard of."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.marionette import Thunderbird, thunderbird
from tests.support.instance import PASSWORD, Installation

pytestmark = pytest.mark.scenario

ANA: Final = "ana@a.id"
BENO: Final = "beno@a.id"
LETTER: Final = (
    b"From: Beno <beno@a.id>\r\nTo: ana@a.id\r\nSubject: %s\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0700\r\nMessage-ID: <%b@example.org>\r\n"
    b"\r\nThis letter speaks of %s.\r\n"
)

# What a person types into the account's settings; the certificate is trusted by hand.
SET_UP: Final = """
  const [address, password, certificate, imaps, submissions] = given;
  const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
  const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
  const trusted = certificates.constructX509FromBase64(certificate);
  const overrides =
    Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
  for (const port of [imaps, submissions]) {
    overrides.rememberValidityOverride("localhost", port, {}, trusted, false);
  }
  const server = MailServices.accounts.createIncomingServer(address, "localhost", "imap");
  server.port = imaps;
  server.socketType = Ci.nsMsgSocketType.SSL;
  server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  server.password = password;
  const out = MailServices.outgoingServer.createServer("smtp");
  const smtp = out.QueryInterface(Ci.nsISmtpServer);
  smtp.hostname = "localhost";
  smtp.port = submissions;
  out.username = address;
  out.socketType = Ci.nsMsgSocketType.SSL;
  out.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  out.password = password;
  const identity = MailServices.accounts.createIdentity();
  identity.email = address;
  identity.fullName = "Ana";
  identity.smtpServerKey = out.key;
  identity.fccFolderURI = `${server.serverURI}/Sent`;
  const account = MailServices.accounts.createAccount();
  account.incomingServer = server;
  account.addIdentity(identity);
"""

# What every later script has at hand.
AT_HAND: Final = """
  const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
  const {setTimeout} = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
  const server = MailServices.accounts.allServers.find(one => one.type == "imap");
  const account = MailServices.accounts.findAccountForServer(server);
  const folder = name => server.rootFolder.getChildNamed(name);
  const until = async wanted => {
    while (!wanted()) await new Promise(done => setTimeout(done, 50));
  };
  const finished = start => new Promise((done, failed) => start({
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
    OnStartRunningUrl() {}, onStartCopy() {}, onProgress() {}, setMessageKey() {},
    getMessageId() {},
    OnStopRunningUrl(url, status) { status ? failed(Error(`${status}`)) : done(); },
    onStopCopy(status) { status ? failed(Error(`${status}`)) : done(); },
  }));
  const update = one => finished(listener => one.QueryInterface(Ci.nsIMsgImapMailFolder)
    .updateFolderWithListener(null, listener));
  const subjects = one => [...one.messages].map(header => header.mime2DecodedSubject).sort();
  const header = (one, subject) =>
    [...one.messages].find(header => header.mime2DecodedSubject == subject);
"""
LIST: Final = """
  await until(() => folder("INBOX"));
  await update(folder("INBOX"));
  await until(() => subjects(folder("INBOX")).length == 3 && server.rootFolder.numSubFolders > 5);
  return [server.rootFolder.subFolders.map(one => one.name), subjects(folder("INBOX"))];
"""
READ: Final = """
  const inbox = folder("INBOX");
  await until(() => !inbox.locked);
  await finished(listener => inbox.downloadAllForOffline(listener, null));
  const uri = inbox.getUriForMsg(header(inbox, "tea"));
  const chunks = [];
  const {NetUtil} = ChromeUtils.importESModule("resource://gre/modules/NetUtil.sys.mjs");
  await new Promise(done => MailServices.messageServiceFromURI(uri).streamMessage(uri, {
    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener", "nsIRequestObserver"]),
    onStartRequest() {}, onStopRequest() { done(); },
    onDataAvailable(request, stream, offset, count) {
      chunks.push(NetUtil.readInputStreamToString(stream, count));
    },
  }, null, null, false, "", false));
  inbox.markMessagesRead([header(inbox, "tea")], true);
  inbox.markMessagesFlagged([header(inbox, "tea")], true);
  return chunks.join("");
"""
ARRANGE: Final = """
  const inbox = folder("INBOX");
  server.rootFolder.createSubfolder("Work", null);
  await until(() => folder("Work"));
  await finished(listener => MailServices.copy.copyMessages(
    inbox, [header(inbox, "rice")], folder("Work"), true, listener, null, false));
  await until(() => subjects(inbox).length == 2 && subjects(folder("Work")).length == 1);
  await finished(listener => inbox.deleteMessages(
    [header(inbox, "coffee")], null, false, true, listener, false));
  await until(() => subjects(inbox).length == 1);
  return [subjects(inbox), subjects(folder("Work"))];
"""
SEND: Final = """
  const [path] = given;
  const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
  file.initWithPath(path);
  const fields =
    Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  fields.from = "ana@a.id";
  fields.to = "beno@a.id";
  const identity = account.defaultIdentity;
  fields.fcc = identity.fccFolderURI;
  const send = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
  await new Promise((done, failed) => send.sendMessageFile(
    identity, account.key, fields, file, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, {
      QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener", "nsIMsgCopyServiceListener"]),
      onStartSending() {}, onSendProgress() {}, onStatus() {}, onStopSending(id, status) {
        if (status) failed(Error(`sending: ${status}`));
      },
      onGetDraftFolderURI() {}, onSendNotPerformed() { failed(Error("not sent")); },
      onTransportSecurityError() { failed(Error("not trusted")); },
      onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() {},
      onStopCopy(status) { status ? failed(Error(`copying: ${status}`)) : done(); },
    }, null, ""));
"""
IDLE: Final = """
  await until(() => header(folder("INBOX"), "news"));
  return subjects(folder("INBOX"));
"""
FIND: Final = """
  const session = Cc["@mozilla.org/messenger/searchSession;1"]
    .createInstance(Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder("INBOX"));
  const term = session.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib.Body;
  term.op = Ci.nsMsgSearchOp.Contains;
  const value = term.value;
  value.attrib = term.attrib;
  value.str = "speaks of news";
  term.value = value;
  session.appendTerm(term);
  const found = [];
  await new Promise(done => {
    session.registerListener({
      onSearchHit(header) { found.push(header.mime2DecodedSubject); },
      onSearchDone() { done(); }, onNewSearch() {},
    });
    session.search(null);
  });
  return found;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "a.id", ANA, BENO).serving() as one:
        yield one


def test_a_day_in_thunderbird(server: Installation, tmp_path: Path) -> None:
    for topic in (b"rice", b"tea", b"coffee"):
        deliver(server, topic)
    with thunderbird(tmp_path) as person:
        set_up(person, server)
        folders, subjects = person.run(AT_HAND + LIST)
        assert {"Drafts", "Sent", "Trash", "Archive"} <= set(folders)
        assert subjects == ["coffee", "rice", "tea"]
        assert "This letter speaks of tea." in person.run(AT_HAND + READ)
        assert person.run(AT_HAND + ARRANGE) == [["tea"], ["rice"]]
        person.run(AT_HAND + SEND, written(tmp_path))
        deliver(server, b"news")
        assert person.run(AT_HAND + IDLE) == ["news", "tea"]
        assert person.run(AT_HAND + FIND) == ["news"]
    with signed_in(server, BENO) as session:
        session.select("INBOX")
        _, parts = session.fetch("1", "BODY.PEEK[]")
        [letter] = [part[1] for part in parts if isinstance(part, tuple)]
        assert b"Di warung biasa?" in letter
    with signed_in(server, ANA) as session:
        assert found(session, "INBOX", "ALL") == {b"tea", b"news"}
        assert found(session, "INBOX", "SEEN FLAGGED") == {b"tea"}
        assert found(session, "Work", "ALL") == {b"rice"}
        assert found(session, "Trash", "ALL") == {b"coffee"}
        assert found(session, "Sent", "ALL") == {b"Makan siang"}


def set_up(person: Thunderbird, server: Installation) -> None:
    certificate = "".join(
        line for line in server.certificate.read_text().splitlines() if "-" not in line
    )
    ports = server.port("imaps"), server.port("submissions")
    person.run(SET_UP, ANA, PASSWORD, certificate, *ports)


def written(folder: Path) -> str:
    """A letter as Thunderbird would have composed it; its path."""
    file = folder / "letter.eml"
    file.write_bytes(
        b"From: Ana <ana@a.id>\r\nTo: beno@a.id\r\nSubject: Makan siang\r\n"
        b"Date: Sun, 22 Nov 2026 11:00:00 +0700\r\nMessage-ID: <lunch@a.id>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"Di warung biasa?\r\n"
    )
    return str(file)


def deliver(server: Installation, topic: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=10) as session:
        session.sendmail("beno@example.org", [ANA], LETTER % (topic, topic, topic))


def signed_in(server: Installation, address: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=server.certificate)
    session = imaplib.IMAP4_SSL("localhost", server.port("imaps"), ssl_context=context, timeout=10)
    session.login(address, PASSWORD)
    return session


def found(session: imaplib.IMAP4_SSL, mailbox: str, criterion: str) -> set[bytes]:
    """The subjects of what a search finds in a mailbox."""
    assert session.select(mailbox, readonly=True)[0] == "OK"
    numbers = session.search(None, criterion)[1][0].split()
    if not numbers:
        return set()
    _, parts = session.fetch(b",".join(numbers).decode(), "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    texts = [part[1] for part in parts if isinstance(part, tuple)]
    return {text.partition(b": ")[2].strip() for text in texts}
