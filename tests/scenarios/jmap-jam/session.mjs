// One session of jmap-jam, a client library for JMAP: what it sees, as JSON.
// node session.mjs PORT ADDRESS PASSWORD, with NODE_EXTRA_CA_CERTS

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The library lies where this is run, outside of the source tree.
const path = createRequire(`${process.cwd()}/`).resolve("jmap-jam");
const { JamClient } = await import(pathToFileURL(path));
const [port, address, password] = process.argv.slice(2);
const seen = {};

// The library knows tokens only; this test has a password.
const basic = `Basic ${Buffer.from(`${address}:${password}`).toString("base64")}`;
const { fetch } = globalThis;
globalThis.fetch = (url, options = {}) =>
  fetch(url, { ...options, headers: { ...options.headers, Authorization: basic } });

const jam = new JamClient({
  sessionUrl: `https://localhost:${port}/.well-known/jmap`,
  bearerToken: "none",
});
const accountId = await jam.getPrimaryAccount();

const [boxes] = await jam.api.Mailbox.get({ accountId });
seen.roles = boxes.list.map((box) => box.role).filter(Boolean).sort();
const role = (name) => boxes.list.find((box) => box.role === name).id;

const upload = await jam.uploadBlob(accountId, new Blob(["a file"], { type: "text/plain" }));
seen.upload = [upload.size, upload.type];

const [identities] = await jam.api.Identity.get({ accountId });
const identity = identities.list[0];
const [made] = await jam.api.Email.set({
  accountId,
  create: {
    draft: {
      mailboxIds: { [role("drafts")]: true },
      keywords: { $draft: true, $seen: true },
      from: [{ name: "Me", email: identity.email }],
      to: [{ name: null, email: address }],
      subject: "Selamat pagi",
      bodyValues: { text: { value: "How are you?" } },
      textBody: [{ partId: "text", type: "text/plain" }],
      attachments: [{ blobId: upload.blobId, type: "text/plain", name: "file.txt" }],
    },
  },
});
const draft = made.created.draft.id;

// Two calls in one request, of which the first brings about a third response.
const [sent] = await jam.request([
  "EmailSubmission/set",
  {
    accountId,
    create: { send: { identityId: identity.id, emailId: draft } },
    onSuccessUpdateEmail: {
      "#send": { "keywords/$draft": null, mailboxIds: { [role("sent")]: true } },
    },
  },
], { using: ["urn:ietf:params:jmap:mail"] });
seen.undo = sent.created.send.undoStatus;

for (let tries = 0; tries < 200; tries++) {
  const [{ found, letters }] = await jam.requestMany((b) => {
    const found = b.Email.query({
      accountId,
      filter: { inMailbox: role("inbox"), text: "selamat" },
      sort: [{ property: "receivedAt", isAscending: false }],
    });
    const letters = b.Email.get({
      accountId,
      ids: found.$ref("/ids"),
      properties: ["subject", "from", "bodyValues", "textBody", "attachments", "hasAttachment"],
      fetchTextBodyValues: true,
    });
    return { found, letters };
  });
  if (found.ids.length) {
    const [letter] = letters.list;
    seen.subject = letter.subject;
    seen.from = letter.from;
    seen.text = letter.bodyValues[letter.textBody[0].partId].value;
    const [file] = letter.attachments;
    const answer = await jam.downloadBlob({
      accountId, blobId: file.blobId, mimeType: file.type, fileName: file.name,
    });
    seen.file = [await answer.text(), answer.headers.get("content-type")];
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const [kept] = await jam.api.Email.get({ accountId, ids: [draft] });
seen.kept = [kept.list[0].keywords, kept.list[0].mailboxIds[role("sent")]];

seen.errors = [];
for (const attempt of [
  () => jam.request(["Email/nonsense", { accountId }]),
  () => jam.api.Email.get({ accountId: "none", ids: [] }),
  () => jam.request(["Core/echo", {}], { using: ["urn:nonsense"] }),
]) {
  await attempt().catch((problem) => seen.errors.push(problem.type));
}
console.log(JSON.stringify(seen));
process.exit(0);
