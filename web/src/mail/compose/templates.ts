// Templates: drafts in the mailbox that has the role "templates", so that every program sees them.
import type { Email, GetAnswer, Id, QueryAnswer, SetAnswer } from "../../lib/jmap/types";
import { mail } from "../state/mail.svelte";
import { bodies, whole } from "./begin";
import { desk } from "./desk.svelte";
import { email, type Letter } from "./letter";

export interface Template {
  id: Id;
  subject: string;
  preview: string;
  receivedAt: string;
}

const MOST = 100;

export async function list(): Promise<Template[]> {
  const box = mail.byRole("templates");
  const { jmap, account } = mail;
  if (box === undefined || jmap === null) return [];
  const found = jmap.call<QueryAnswer>("Email/query", {
    accountId: account, filter: { inMailbox: box.id }, sort: [{ property: "subject" }], limit: MOST,
  });
  const got = jmap.call<GetAnswer<Email>>("Email/get", { accountId: account, "#ids": found.at("/ids"), properties: ["id", "subject", "preview", "receivedAt"] });
  return (await got).list.map((one) => ({ id: one.id, subject: one.subject ?? "", preview: one.preview, receivedAt: one.receivedAt }));
}

export async function load(one: Template): Promise<{ html: string; text: string; subject: string }> {
  if (mail.jmap === null) return { html: "", text: "", subject: "" };
  return { ...bodies(await whole(mail.jmap, mail.account, one.id)), subject: one.subject };
}

/** Keep a letter as a template, in place of another one if that is named. */
export async function save(letter: Letter, instead: Id | null = null): Promise<void> {
  const box = await desk.box("templates");
  if (box === null || mail.jmap === null) return;
  const made = { ...email({ ...letter, to: [], cc: [], bcc: [], inReplyTo: [], references: [] }), mailboxIds: { [box]: true }, keywords: { $draft: true, $seen: true } };
  await mail.jmap.call<SetAnswer>("Email/set", { accountId: mail.account, create: { made }, ...(instead === null ? {} : { destroy: [instead] }) });
}

export async function remove(id: Id): Promise<void> {
  await mail.jmap?.call<SetAnswer>("Email/set", { accountId: mail.account, destroy: [id] });
}
