// One session of imapflow, the client library of many web mail programs: what it sees, as JSON.
// node session.mjs PORT CERTIFICATE ADDRESS PASSWORD

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The library lies where this is run, outside of the source tree.
const { ImapFlow } = createRequire(`${process.cwd()}/`)("imapflow");
const [port, certificate, user, pass] = process.argv.slice(2);
const seen = {};

const client = new ImapFlow({
  host: "localhost",
  port: Number(port),
  secure: true,
  auth: { user, pass },
  tls: { ca: readFileSync(certificate) },
  logger: false,
});

const letter = (name) =>
  Buffer.from(
    `From: <flow@example.org>\r\nTo: <${user}>\r\nSubject: ${name}\r\n` +
      `Message-ID: <${name}@flow>\r\n\r\nThis is ${name}.\r\n`,
  );

await client.connect();
await client.mailboxCreate("Flow/Inner");
seen.boxes = (await client.list()).map((box) => box.path).sort();
seen.special = (await client.list()).filter((box) => box.specialUse).map((box) => box.specialUse);

for (const name of ["one", "two", "three"]) {
  await client.append("Flow/Inner", letter(name), ["\\Seen"], new Date("2026-11-22T03:00:00Z"));
}
let lock = await client.getMailboxLock("Flow/Inner");
seen.exists = client.mailbox.exists;
seen.subjects = [];
for await (const message of client.fetch("1:*", { envelope: true, flags: true, source: true })) {
  seen.subjects.push(message.envelope.subject);
  seen.source = message.source.toString();
}
seen.found = await client.search({ subject: "two" }, { uid: true });
await client.messageFlagsAdd("1", ["\\Flagged", "Work"]);
seen.flags = [...(await client.fetchOne("1", { flags: true })).flags].sort();
seen.text = "";
for await (const piece of (await client.download("2", "1")).content) seen.text += piece;
await client.messageMove("2", "Trash");
await client.messageDelete("1");
seen.left = client.mailbox.exists;
lock.release();

seen.trash = (await client.status("Trash", { messages: true })).messages;

// It goes into IDLE by itself; a second connection makes something happen.
lock = await client.getMailboxLock("INBOX");
const heard = new Promise((resolve) => client.once("exists", resolve));
const idling = client.idle();
const other = new ImapFlow({ ...client.options });
await other.connect();
await other.append("INBOX", letter("news"));
await other.logout();
seen.heard = (await heard).count - (await heard).prevCount;
lock.release();
await client.logout();
await idling;

console.log(JSON.stringify(seen));
