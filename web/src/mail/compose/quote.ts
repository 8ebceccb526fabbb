// What an answer or a forwarded message takes over from the one before it.
import type { Address, Email } from "../../lib/jmap/types";
import { domainOf, format, once } from "./addresses";

/** An identity of the sender (RFC 8621 6). */
export interface Identity {
  id: string;
  name: string;
  /** `*@domain` stands for every address there. */
  email: string;
  replyTo: Address[] | null;
  bcc: Address[] | null;
  textSignature: string;
  htmlSignature: string;
  mayDelete: boolean;
}

export interface Recipients {
  to: Address[];
  cc: Address[];
}

// Prefixes of answers and of forwarded mail as programs write them, in the languages met most.
const PREFIX = /^\s*(?:(?:re|bls|balas|aw|antw|sv|vs|rif|odp|回复|回覆|答复|fwd?|trs|terusan|wg|tr|转发|轉寄)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*)+/i;

export function replySubject(subject: string | null): string {
  return `Re: ${bare(subject)}`.trimEnd();
}

export function forwardSubject(subject: string | null): string {
  return `Fwd: ${bare(subject)}`.trimEnd();
}

function bare(subject: string | null): string {
  return (subject ?? "").replace(PREFIX, "").trim();
}

/** Who gets the answer to an email. `own` are the addresses of the one who answers. */
export function replyRecipients(email: Email, own: readonly string[], all: boolean): Recipients {
  const from = email.from ?? [];
  const isMine = from.some((one) => isOwn(one.email, own));
  const mine = own.filter((one) => !one.startsWith("*"));
  const answerTo = isMine ? (email.to ?? []) : email.replyTo?.length ? email.replyTo : from;
  let to = once(answerTo, mine);
  if (to.length === 0) to = once(answerTo); // a letter to oneself
  if (!all) return { to: isMine ? to : to, cc: [] };
  const others = isMine ? [] : once(email.to ?? [], [...mine, ...to.map((one) => one.email)]);
  const wide = [...to, ...others];
  const cc = once(email.cc ?? [], [...mine, ...wide.map((one) => one.email)]);
  return { to: wide, cc };
}

export function isOwn(email: string, own: readonly string[]): boolean {
  const looked = email.toLowerCase();
  return own.some((one) => (one.startsWith("*@") ? domainOf(looked) === one.slice(2).toLowerCase() : one.toLowerCase() === looked));
}

/** The identity to answer as: the one that was written to; and its address, when it has many. */
export function answeringAs(identities: readonly Identity[], email: Email | null): { identity: Identity; address: string } | null {
  const named = [...(email?.to ?? []), ...(email?.cc ?? []), ...(email?.bcc ?? []), ...(email?.from ?? [])];
  for (const one of named) {
    const exact = identities.find(({ email: mine }) => mine.toLowerCase() === one.email.toLowerCase());
    if (exact !== undefined) return { identity: exact, address: exact.email };
    const wild = identities.find(({ email: mine }) => mine.startsWith("*@") && isOwn(one.email, [mine]));
    if (wild !== undefined) return { identity: wild, address: one.email };
  }
  const [first] = identities;
  return first === undefined ? null : { identity: first, address: first.email };
}

/** In-Reply-To and References of an answer (RFC 5322 3.6.4). */
export function threading(email: Email): { inReplyTo: string[]; references: string[] } {
  const before = email.references ?? (email.inReplyTo?.length === 1 ? email.inReplyTo : []);
  const own = email.messageId ?? [];
  const all = [...new Set([...before, ...own])];
  // A list that grows for ever helps nobody: the first and the latest tell the thread.
  return { inReplyTo: own, references: all.length > 30 ? [...all.slice(0, 1), ...all.slice(-29)] : all };
}

/** A text as a quotation, without its signature and the empty lines at its end. */
export function quoteText(text: string): string {
  const whole = text.replace(/\r\n?/g, "\n");
  const signature = /(?:^|\n)-- ?\n(?![^]*\n-- ?\n)/.exec(whole);
  const kept = (signature === null ? whole : whole.slice(0, signature.index)).trimEnd();
  if (kept === "") return "";
  return kept.split("\n").map((line) => (line === "" || line.startsWith(">") ? `>${line}` : `> ${line}`)).join("\n");
}

/** The part of a text that its writer has written: no quotation, no signature, no attribution. */
export function ownWords(text: string): string {
  const [before = ""] = text.replace(/\r\n?/g, "\n").split(/\n-- ?\n|\n-{5,} ?[^\n-]{3,40} ?-{5,}\n/, 1);
  return before.split("\n").filter((line) => !line.startsWith(">")).join("\n");
}

export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A text as HTML: a line of it is a block. */
export function textToHtml(text: string): string {
  return text.replace(/\r\n?/g, "\n").split("\n").map((line) => `<div>${escape(line).replace(/ {2}/g, " &nbsp;") || "<br>"}</div>`).join("");
}

/** The header of a forwarded message, as lines of a label and a value. */
export function forwardHeader(email: Email, words: { from: string; date: string; subject: string; to: string; cc: string }, date: string): [string, string][] {
  const list = (some: Address[] | null): string => (some ?? []).map(format).join(", ");
  const lines: [string, string][] = [
    [words.from, list(email.from)], [words.date, date], [words.subject, email.subject ?? ""],
    [words.to, list(email.to)], [words.cc, list(email.cc)],
  ];
  return lines.filter(([, value]) => value !== "");
}
