// A letter as it is being written, and the Email that it becomes (RFC 8621 4.6).
import type { Address, BodyPart, Email, Id } from "../../lib/jmap/types";

export interface Attachment {
  key: string;
  name: string;
  type: string;
  size: number;
  /** null while it is being uploaded. */
  blobId: Id | null;
  /** Of an image in the text; its address there is `cid:` with this. */
  cid: string | null;
  /** 0 to 1. */
  progress: number;
  fault: string | null;
}

export interface Letter {
  /** Of this browser, from the moment it is begun. */
  key: string;
  /** The draft that is kept on the server; null before the first. */
  draftId: Id | null;
  identityId: Id;
  from: Address;
  to: Address[];
  cc: Address[];
  bcc: Address[];
  replyTo: Address[];
  subject: string;
  isRich: boolean;
  /** Of a rich letter: what the editor holds, images as `cid:`. */
  html: string;
  /** Of a plain letter; of a rich one what it says without its looks. */
  text: string;
  attachments: Attachment[];
  inReplyTo: string[];
  references: string[];
  /** What gets $answered or $forwarded when this goes. */
  /** With OpenPGP (pgp/post.ts). */
  protect?: "sign" | "encrypt";
  /** Days after which it comes up if nobody answers; 0: it does not. */
  followUp: number;
  about: { id: Id; account: Id; keyword: "$answered" | "$forwarded" } | null;
}

export type Structure =
  | { type: string; subParts: Structure[] }
  | { type: string; partId: string }
  | { type: string; blobId: Id; name: string; disposition: "attachment" | "inline"; cid?: string; size?: number };

export function emptyLetter(from: Address, identityId: Id, isRich: boolean): Letter {
  return {
    key: crypto.randomUUID(), draftId: null, identityId, from, to: [], cc: [], bcc: [], replyTo: [], subject: "", isRich,
    html: "", text: "", attachments: [], inReplyTo: [], references: [], followUp: 0, about: null,
  };
}

/** Whether there is anything in it that would be missed. */
export function isBlank(letter: Letter, begun: Letter | null = null): boolean {
  const said = (one: Letter): string => JSON.stringify([one.to, one.cc, one.bcc, one.subject, one.isRich ? one.html : one.text, one.attachments.map((each) => each.name)]);
  if (begun !== null) return said(letter) === said(begun);
  return letter.to.length + letter.cc.length + letter.bcc.length + letter.attachments.length === 0 && letter.subject.trim() === "" && letter.text.trim() === "";
}

/** The images that the text shows. */
export function shownImages(letter: Letter): Attachment[] {
  return letter.attachments.filter(({ cid }) => cid !== null && letter.isRich && letter.html.includes(`cid:${cid}`));
}

/** Those that are listed below the text. */
export function listed(letter: Letter): Attachment[] {
  return letter.attachments.filter(({ cid }) => cid === null);
}

/** The properties of the Email, without its mailboxes and keywords. */
export function email(letter: Letter): Record<string, unknown> {
  const ready = (one: Attachment): one is Attachment & { blobId: Id } => one.blobId !== null;
  const text: Structure = { type: "text/plain", partId: "text" };
  const bodyValues: Record<string, { value: string }> = { text: { value: letter.text } };
  let body: Structure = text;
  if (letter.isRich) {
    bodyValues["html"] = { value: wrapped(letter.html) };
    let html: Structure = { type: "text/html", partId: "html" };
    const images = shownImages(letter).filter(ready).map((one) => part(one, "inline"));
    if (images.length > 0) html = { type: "multipart/related", subParts: [html, ...images] };
    body = { type: "multipart/alternative", subParts: [text, html] };
  }
  const files = listed(letter).filter(ready).map((one) => part(one, "attachment"));
  const made: Record<string, unknown> = {
    from: [letter.from], to: some(letter.to), cc: some(letter.cc), bcc: some(letter.bcc), replyTo: some(letter.replyTo),
    subject: letter.subject, bodyValues,
    bodyStructure: files.length > 0 ? { type: "multipart/mixed", subParts: [body, ...files] } : body,
  };
  if (letter.inReplyTo.length > 0) made["inReplyTo"] = letter.inReplyTo;
  if (letter.references.length > 0) made["references"] = letter.references;
  return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null));
}

function part(one: Attachment & { blobId: Id }, disposition: "attachment" | "inline"): Structure {
  const made: Structure = { type: one.type, blobId: one.blobId, name: one.name, disposition };
  if (one.cid !== null) made.cid = one.cid;
  return made;
}

function some(addresses: Address[]): Address[] | null {
  return addresses.length > 0 ? addresses : null;
}

function wrapped(html: string): string {
  return `<!doctype html><html><head><meta charset="utf-8"></head><body>${html}</body></html>`;
}

/** What an attachment of an email is in a letter: nothing is uploaded again. */
export function taken(one: BodyPart, isInline: boolean): Attachment {
  return {
    key: crypto.randomUUID(), name: one.name ?? nameOf(one.type), type: one.type, size: one.size, blobId: one.blobId,
    cid: isInline ? one.cid : null, progress: 1, fault: null,
  };
}

function nameOf(type: string): string {
  return type === "message/rfc822" ? "message.eml" : (type.split("/")[1] ?? "file");
}

/** A draft as the letter it is; `text` and `html` are its bodies, cleaned already. */
export function reopened(draft: Email, identityId: Id, text: string, html: string | null): Letter {
  const shown = (one: BodyPart): boolean => one.cid !== null && (html?.includes(`cid:${one.cid}`) ?? false);
  return {
    key: crypto.randomUUID(), draftId: draft.id, identityId, from: draft.from?.[0] ?? { name: null, email: "" },
    to: draft.to ?? [], cc: draft.cc ?? [], bcc: draft.bcc ?? [], replyTo: draft.replyTo ?? [], subject: draft.subject ?? "",
    isRich: html !== null, html: html ?? "", text, attachments: draft.attachments.map((one) => taken(one, shown(one))),
    inReplyTo: draft.inReplyTo ?? [], references: draft.references ?? [], followUp: 0, about: null,
  };
}

/** The bytes that its attachments take in the message, encoded. */
export function attachedSize(letter: Letter): number {
  return letter.attachments.reduce((sum, one) => sum + Math.ceil(one.size / 57) * 78, 0);
}
