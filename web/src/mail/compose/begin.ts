// How a letter begins: what an answer quotes, whom it goes to, whose it is, its signature.
import { download } from "../../lib/jmap/blobs";
import type { Jmap } from "../../lib/jmap/client";
import type { Address, Email, GetAnswer, Id } from "../../lib/jmap/types";
import { longDate } from "../../lib/language.svelte";
import { decrypted, type Intent } from "../state/intents.svelte";
import { format, shortly } from "./addresses";
import { clean, cleaned, htmlToText } from "./html";
import { emptyLetter, reopened, taken, type Letter } from "./letter";
import { prefs } from "./prefs.svelte";
import * as quote from "./quote";
import type { Identity } from "./quote";
import { t } from "./texts";

const BODY_MOST = 1_000_000; // characters that are quoted at most
const PROPERTIES = [
  "id", "blobId", "threadId", "mailboxIds", "keywords", "receivedAt", "sentAt", "subject", "from", "to", "cc", "bcc", "replyTo",
  "messageId", "inReplyTo", "references", "htmlBody", "textBody", "attachments", "bodyValues", "preview", "hasAttachment", "size",
];
const SIGNATURE = "merpati-signature";

/** What a letter begins with; `bodies` are those of the email it is about. */
export async function begin(intent: Intent, jmap: Jmap, identities: readonly Identity[]): Promise<Letter> {
  if (intent.kind === "new") return fresh(intent, identities);
  const email = opened(await whole(jmap, intent.account, intent.email.id), intent.kind);
  if (intent.kind === "draft") return draft(email, identities);
  const own = identities.map((one) => one.email);
  const as = quote.answeringAs(identities, email);
  const letter = emptyLetter({ name: as?.identity.name || null, email: as?.address ?? "" }, as?.identity.id ?? "", rich(email));
  withIdentity(letter, as?.identity);
  if (intent.kind === "reply" || intent.kind === "replyAll") {
    Object.assign(letter, quote.replyRecipients(email, own, intent.kind === "replyAll"), quote.threading(email));
    letter.subject = quote.replySubject(email.subject);
    letter.about = { id: email.id, account: intent.account, keyword: "$answered" };
    if (decrypted.has(email.id)) letter.protect = "encrypt";
    await body(letter, as?.identity, prefs.quotes ? email : null, "reply", jmap, intent.account);
  } else {
    letter.subject = quote.forwardSubject(email.subject);
    letter.references = quote.threading(email).references;
    letter.about = { id: email.id, account: intent.account, keyword: "$forwarded" };
    if (intent.kind === "forwardAttached") {
      const name = `${(email.subject ?? "message").replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ").trim().slice(0, 100) || "message"}.eml`;
      const part = { partId: null, blobId: email.blobId, size: email.size, name, type: "message/rfc822", charset: null, disposition: null, cid: null };
      letter.attachments = [taken(part, false)];
      await body(letter, as?.identity, null, "forward", jmap, intent.account);
    } else await body(letter, as?.identity, email, "forward", jmap, intent.account);
  }
  return letter;
}

/** What was encrypted is answered as it was decrypted: its own subject, and its text where it was signed. */
function opened(email: Email, kind: Intent["kind"]): Email {
  const found = kind === "reply" || kind === "replyAll" ? decrypted.get(email.id) : undefined;
  if (found === undefined) return email;
  const part = { partId: "0", blobId: null, size: 0, name: null, type: "text/plain", charset: null, disposition: null, cid: null };
  // Its text alone: no address of an image that it names comes near the editor.
  const said = found.body?.type === "text/html" ? htmlToText(found.body.value) : (found.body?.value ?? "");
  const value = { value: said, isEncodingProblem: false, isTruncated: false };
  return { ...email, subject: found.subject ?? email.subject, textBody: [part], htmlBody: [part], attachments: [], bodyValues: { "0": value } };
}

function fresh(intent: Intent & { kind: "new" }, identities: readonly Identity[]): Letter {
  const [identity] = identities;
  const letter = emptyLetter({ name: identity?.name || null, email: plainAddress(identity) }, identity?.id ?? "", prefs.isRich);
  withIdentity(letter, identity);
  letter.to = intent.to ?? [];
  letter.subject = intent.subject ?? "";
  const signature = identity === undefined ? "" : letter.isRich ? signatureHtml(identity) : signatureText(identity);
  if (letter.isRich) letter.html = `${quote.textToHtml(intent.body ?? "")}${signature && `<div><br></div>${signature}`}`;
  letter.text = letter.isRich ? htmlToText(letter.html) : `${intent.body ?? ""}${signature}`;
  return letter;
}

function draft(email: Email, identities: readonly Identity[]): Letter {
  const from = email.from?.[0]?.email ?? "";
  const identity = identities.find((one) => quote.isOwn(from, [one.email])) ?? identities[0];
  const { text, html } = bodies(email);
  const isRich = email.htmlBody.some((part) => part.type === "text/html");
  return reopened(email, identity?.id ?? "", text, isRich ? html : null);
}

/** The email with its bodies and what threads want. */
export async function whole(jmap: Jmap, account: Id, id: Id): Promise<Email> {
  const { list } = await jmap.call<GetAnswer<Email>>("Email/get", {
    accountId: account, ids: [id], properties: PROPERTIES, fetchAllBodyValues: true, maxBodyValueBytes: BODY_MOST,
  });
  const [found] = list;
  if (found === undefined) throw new Error("notFound");
  return found;
}

function rich(email: Email): boolean {
  return prefs.isRich && (email.htmlBody.some((part) => part.type === "text/html") || email.htmlBody.length > 0);
}

/** Both bodies of an email; each is made of the other where there is one only. */
export function bodies(email: Email): { text: string; html: string } {
  const value = (id: string | null): string => (id === null ? "" : (email.bodyValues[id]?.value ?? ""));
  const html = email.htmlBody.map((part) => (part.type === "text/html" ? cleaned(value(part.partId)) : part.type === "text/plain" ? quote.textToHtml(value(part.partId)) : "")).join("");
  const plain = email.textBody.filter((part) => part.type === "text/plain").map((part) => value(part.partId));
  return { html, text: plain.length > 0 ? plain.join("\n") : htmlToText(html) };
}

export function withIdentity(letter: Letter, identity: Identity | undefined): void {
  letter.replyTo = identity?.replyTo ?? [];
  letter.bcc = [...(identity?.bcc ?? [])];
}

function plainAddress(identity: Identity | undefined): string {
  return identity?.email.startsWith("*") ? "" : (identity?.email ?? "");
}

export function signatureHtml(identity: Identity): string {
  const html = identity.htmlSignature.trim() ? cleaned(identity.htmlSignature) : quote.textToHtml(identity.textSignature.trim());
  const isBlank = identity.htmlSignature.trim() === "" && identity.textSignature.trim() === "";
  return isBlank ? "" : `<div class="${SIGNATURE}">${html}</div>`;
}

export function signatureText(identity: Identity): string {
  const text = identity.textSignature.trim() || htmlToText(identity.htmlSignature).trim();
  return text === "" ? "" : `\n\n-- \n${text}\n`;
}

/** Put another identity's signature where the old one stands. */
export function swapSignature(root: HTMLElement, identity: Identity): void {
  const old = root.querySelector(`.${SIGNATURE}`);
  const made = clean(signatureHtml(identity));
  if (old !== null) old.replaceWith(made);
  else root.append(made);
}

export function swapSignatureText(text: string, from: Identity | undefined, to: Identity): string {
  const old = from === undefined ? "" : signatureText(from);
  if (old !== "" && text.includes(old)) return text.replace(old, () => signatureText(to));
  return text + signatureText(to);
}

async function body(letter: Letter, identity: Identity | undefined, email: Email | null, kind: "reply" | "forward", jmap: Jmap, account: Id): Promise<void> {
  const place = prefs.signature;
  const signed = identity !== undefined && place !== "none";
  const quoted = email === null ? null : bodies(email);
  if (email !== null) {
    const files = email.attachments.filter((one) => kind === "forward" || (one.cid !== null && quoted?.html.includes(`cid:${one.cid}`)));
    letter.attachments.push(...files.map((one) => taken(one, one.cid !== null && letter.isRich && (quoted?.html.includes(`cid:${one.cid}`) ?? false))));
    if (account !== mailAccount(jmap)) await own(letter, jmap, account);
  }
  if (letter.isRich) {
    const blank = "<div><br></div>";
    const signature = signed ? signatureHtml(identity) : "";
    const cited = email === null || quoted === null ? "" : kind === "reply" ? citation(email, quoted.html) : forwarded(email, quoted.html);
    const own = place === "above" ? [blank, signature && blank + signature, cited && blank + cited] : [blank, cited && blank + cited, signature && blank + signature];
    letter.html = (kind === "reply" && prefs.answer === "below" ? [cited, blank, signature && blank + signature] : own).join("");
    return;
  }
  const signature = signed ? signatureText(identity) : "";
  const cited = email === null || quoted === null ? "" : kind === "reply" ? `${attribution(email)}\n${quote.quoteText(quoted.text)}` : forwardedText(email, quoted.text);
  if (kind === "reply" && prefs.answer === "below") letter.text = `${cited}\n\n${signature}`;
  else letter.text = place === "above" ? `\n${signature}${cited && `\n\n${cited}`}` : `\n\n${cited}${signature}`;
}

function mailAccount(jmap: Jmap): Id {
  return jmap.account;
}

/** Attachments of somebody else's account become our own: a blob is of one account. */
async function own(letter: Letter, jmap: Jmap, account: Id): Promise<void> {
  for (const one of letter.attachments) {
    if (one.blobId === null) continue;
    try {
      const { upload } = await import("../../lib/jmap/blobs");
      const file = await download(jmap, account, one.blobId, { type: one.type, name: one.name });
      one.blobId = (await upload(jmap, jmap.account, file)).blobId;
    } catch {
      one.fault = t.uploadFailed;
      one.blobId = null;
    }
  }
}

function attribution(email: Email): string {
  const [from] = email.from ?? [];
  return t.wrote(longDate(email.sentAt ?? email.receivedAt), from ? shortly(from) : "?");
}

function citation(email: Email, html: string): string {
  return `<div>${quote.escape(attribution(email))}</div><blockquote type="cite">${html}</blockquote>`;
}

function header(email: Email): [string, string][] {
  return quote.forwardHeader(email, t.header, longDate(email.sentAt ?? email.receivedAt));
}

function forwarded(email: Email, html: string): string {
  const lines = header(email).map(([label, value]) => `<div><b>${quote.escape(label)}:</b> ${quote.escape(value)}</div>`);
  return `<div>---------- ${quote.escape(t.forwarded)} ----------</div>${lines.join("")}<div><br></div><div>${html}</div>`;
}

function forwardedText(email: Email, text: string): string {
  return [`---------- ${t.forwarded} ----------`, ...header(email).map(([label, value]) => `${label}: ${value}`), "", text].join("\n");
}

/** The lines that make a message one that was sent on (RFC 5322 3.6.6). */
export function resent(from: Address, to: readonly Address[], domain: string, now: Date): string {
  const date = now.toUTCString().replace("GMT", "+0000");
  const safe = (text: string): string => encodeHeader(text.replace(/[\r\n]+/g, " "));
  const people = to.map((one) => safe(format(one))).join(",\r\n ");
  const id = `<${crypto.randomUUID()}@${domain.replace(/[^A-Za-z0-9.-]/g, "")}>`;
  return `Resent-Date: ${date}\r\nResent-From: ${safe(format(from))}\r\nResent-To: ${people}\r\nResent-Message-ID: ${id}\r\n`;
}

/** Names that are not ASCII as encoded words (RFC 2047). */
function encodeHeader(text: string): string {
  return text.replace(/"?[^"<]*[^\x00-\x7f][^"<]*"?(?= <)/g, (name) => {
    const bare = name.replace(/^"|"$/g, "").trim();
    const words = Array.from(bare.match(/[^]{1,12}/gu) ?? [], (part) => `=?utf-8?B?${btoa(String.fromCharCode(...new TextEncoder().encode(part)))}?=`);
    return words.join(" ");
  });
}
