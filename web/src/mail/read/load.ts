// Emails as they are read, from the server or, offline, from what was kept.
import { keep, kept, recall, drop } from "../../lib/cache";
import { HttpFault } from "../../lib/http";
import type { Jmap } from "../../lib/jmap/client";
import type { Email, GetAnswer, Id } from "../../lib/jmap/types";
import { HEAD, mail } from "../state/mail.svelte";

const SAFE_HTML = "urn:merpati:jmap:safe-html";
const KEPT = 300; // emails that can be read offline
const BODY_MOST = 1_000_000; // characters of a body that are asked for

const BODY = ["textBody", "htmlBody", "attachments", "bodyValues"];
const BLOCK = /^application\/(?:x-)?pkcs7-mime$/;

export const READ = [
  ...HEAD,
  "blobId",
  "sentAt",
  "cc",
  "bcc",
  "replyTo",
  "sender",
  "messageId",
  "inReplyTo",
  "references",
  ...BODY,
  "header:Authentication-Results:asText:all",
  "header:List-Unsubscribe:asURLs",
  "header:Autocrypt:asText",
];

const SMIME = "urn:ietf:params:jmap:smimeverify";
const SIGNED = ["smimeStatus", "smimeStatusAtDelivery", "smimeErrors"]; // RFC 9219 4.1

/** What the server made of the HTML of a message (docs/design/webmail.md). */
export interface SafeImage {
  blobId: Id | null;
  type: string;
  url: string | null;
  tracker: string | null;
}
export interface SafeHtml {
  blobId: Id;
  html: string;
  css: string;
  isTruncated: boolean;
  images: SafeImage[];
}

export interface Read {
  email: Email;
  safe: SafeHtml | null;
}

/** Signed as one block (RFC 8551 3.5.2), whose text lies in the signature; not encrypted. */
function isSignedBlock(email: Email): boolean {
  return /(?:^|\+)signed\//.test(email.smimeStatus ?? "") && BLOCK.test(email.attachments[0]?.type ?? "");
}

/** The same with the body that was signed, which the server reads like a message within it. */
async function opened(jmap: Jmap, account: Id, email: Email): Promise<Read> {
  const blobIds = [email.attachments[0]?.blobId];
  const got = jmap.call<{ parsed: Record<Id, Email> | null }>("Email/parse", {
    accountId: account,
    blobIds,
    properties: BODY,
    fetchTextBodyValues: true,
    maxBodyValueBytes: BODY_MOST,
  });
  const safe = jmap.supports(SAFE_HTML) ? jmap.call<{ list: SafeHtml[] }>("SafeHtml/get", { accountId: account, blobIds }) : null;
  const [inner] = Object.values((await got).parsed ?? {});
  if (inner === undefined) return { email, safe: null };
  return { email: { ...email, ...inner }, safe: (await safe)?.list[0] ?? null };
}

/** Emails with their bodies; those that are not there any more are left out. */
export async function read(account: Id, ids: Id[]): Promise<Map<Id, Read>> {
  const { jmap } = mail;
  const found = new Map<Id, Read>();
  if (ids.length === 0) return found;
  try {
    if (jmap === null) throw new HttpFault(0, "offline", "offline");
    const got = jmap.call<GetAnswer<Email>>("Email/get", {
      accountId: account,
      ids,
      properties: jmap.supports(SMIME) ? [...READ, ...SIGNED] : READ,
      fetchTextBodyValues: true,
      maxBodyValueBytes: BODY_MOST,
    });
    const safe = jmap.supports(SAFE_HTML)
      ? jmap.call<{ list: SafeHtml[] }>("SafeHtml/get", { accountId: account, "#blobIds": got.at("/list/*/blobId") })
      : null;
    const { list } = await got;
    const shown = new Map((safe === null ? [] : (await safe).list).map((one) => [one.blobId, one]));
    for (const email of list) found.set(email.id, { email, safe: shown.get(email.blobId) ?? null });
    await Promise.all(list.filter(isSignedBlock).map(async (email) => found.set(email.id, await opened(jmap, account, email))));
    void remember(account, found);
  } catch (problem) {
    if (!(problem instanceof HttpFault) || !problem.isOffline) throw problem;
    mail.online = false;
    const values = await recall<{ read: Read }>(...ids.map((id) => `email/${account}/${id}`));
    values.forEach((one) => one && found.set(one.read.email.id, one.read));
    if (found.size === 0) throw problem;
  }
  return found;
}

async function remember(account: Id, found: Map<Id, Read>): Promise<void> {
  const at = Date.now();
  await keep(Object.fromEntries([...found].map(([id, one]) => [`email/${account}/${id}`, { at, read: one }])));
  const names = await kept("email/");
  if (names.length <= KEPT + 50) return;
  const ages = await recall<{ at: number }>(...names);
  const order = names.map((name, n) => ({ name, at: ages[n]?.at ?? 0 })).sort((a, b) => a.at - b.at);
  await drop(...order.slice(0, names.length - KEPT).map((one) => one.name));
}

export async function loadEmail(account: Id, id: Id): Promise<Email | null> {
  return (await read(account, [id])).get(id)?.email ?? null;
}
