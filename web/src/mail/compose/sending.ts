// Keeping a letter as a draft, sending it, and taking it back while it waits (RFC 8621 7).
import { auth } from "../../lib/auth.svelte";
import { SUBMISSION, type Jmap } from "../../lib/jmap/client";
import type { Id, SetAnswer, SetError } from "../../lib/jmap/types";
import { inDays, utcDate } from "../time/times";
import { once } from "./addresses";
import { email, type Letter } from "./letter";

export class Refused extends Error {
  constructor(readonly error: SetError) {
    super(error.description ?? error.type);
    this.name = "Refused";
  }
}

export interface Boxes {
  drafts: Id;
  sent: Id;
}

/** When it is to go: at once, after so many seconds, or at a time. */
export type When = { kind: "now" } | { kind: "after"; seconds: number } | { kind: "at"; time: Date };

export interface Submitted {
  submissionId: Id;
  emailId: Id;
}

/** How many seconds the server holds a message back at most; 0 when it does not. */
export function mayHold(jmap: Jmap, account: Id): number {
  const told = jmap.session.accounts[account]?.accountCapabilities[SUBMISSION];
  const most = told?.["maxDelayedSend"];
  return typeof most === "number" ? most : 0;
}

/** Keep the letter as it is now: a new draft, and the old one gone, in one request. */
export async function keepDraft(jmap: Jmap, account: Id, letter: Letter, drafts: Id): Promise<Id> {
  const draft = { ...email(letter), mailboxIds: { [drafts]: true }, keywords: { $draft: true, $seen: true } };
  const args: Record<string, unknown> = { accountId: account, create: { draft } };
  if (letter.draftId !== null) args["destroy"] = [letter.draftId];
  const answer = await jmap.call<SetAnswer>("Email/set", args);
  return made(answer, "draft");
}

export async function dropDraft(jmap: Jmap, account: Id, id: Id): Promise<void> {
  await jmap.call<SetAnswer>("Email/set", { accountId: account, destroy: [id] });
}

/** The calls that send a letter: the email as it is last, its submission, the old draft gone. */
export function calls(account: Id, letter: Letter, boxes: Boxes, when: When): [string, Record<string, unknown>][] {
  const made = { ...email(letter), mailboxIds: { [boxes.drafts]: true }, keywords: { $draft: true, $seen: true } };
  const set: Record<string, unknown> = { accountId: account, create: { letter: made } };
  const recipients = once([...letter.to, ...letter.cc, ...letter.bcc]);
  const submission = {
    identityId: letter.identityId,
    emailId: "#letter",
    envelope: {
      mailFrom: { email: letter.from.email, parameters: holding(when) },
      rcptTo: recipients.map(({ email }) => ({ email, parameters: null })),
    },
  };
  const done: Record<string, unknown> = {
    [`mailboxIds/${boxes.drafts}`]: null, [`mailboxIds/${boxes.sent}`]: true, "keywords/$draft": null,
  };
  if (letter.followUp > 0) done["followUp"] = { at: utcDate(inDays(leaves(when), letter.followUp)) };
  const submit = { accountId: account, create: { sent: submission }, onSuccessUpdateEmail: { "#sent": done } };
  const all: [string, Record<string, unknown>][] = [["Email/set", set], ["EmailSubmission/set", submit]];
  const { about } = letter;
  if (about !== null)
    all.push(["Email/set", { accountId: about.account, update: { [about.id]: { [`keywords/${about.keyword}`]: true } } }]);
  return all;
}

function leaves(when: When): Date {
  return when.kind === "at" ? when.time : new Date();
}

function holding(when: When): Record<string, string> | null {
  if (when.kind === "after") return { HOLDFOR: String(when.seconds) };
  if (when.kind === "at") return { HOLDUNTIL: when.time.toISOString().replace(/\.\d+Z$/, "Z") };
  return null;
}

/** Send. Throws Refused, MethodError, HttpFault; the draft that was kept is there then. */
export async function send(jmap: Jmap, account: Id, letter: Letter, boxes: Boxes, when: When): Promise<Submitted> {
  if (letter.protect !== undefined) return sendProtected(jmap, account, letter, boxes, when);
  const asked = calls(account, letter, boxes, when).map(([name, args]) => jmap.call<SetAnswer>(name, args));
  const [set, submit] = await Promise.all(asked.slice(0, 2));
  const emailId = made(set as SetAnswer, "letter");
  try {
    const submissionId = made(submit as SetAnswer, "sent");
    if (letter.draftId !== null) await dropDraft(jmap, account, letter.draftId).catch(() => undefined);
    return { submissionId, emailId };
  } catch (problem) {
    await dropDraft(jmap, account, emailId).catch(() => undefined); // the kept draft says the same
    throw problem;
  }
}

/** The same of a letter that is signed or encrypted here. */
async function sendProtected(jmap: Jmap, account: Id, letter: Letter, boxes: Boxes, when: When): Promise<Submitted> {
  const [{ importLetter }, { keysOf }] = await Promise.all([import("../pgp/post"), import("../pgp/keys")]);
  const { emailId } = await importLetter(jmap, account, letter, boxes.drafts, keysOf(auth.person?.address ?? ""));
  const asked = calls(account, letter, boxes, when).slice(1).map(([name, args]) => {
    const create = args["create"] as Record<string, Record<string, unknown>> | undefined;
    if (create?.["sent"] !== undefined) create["sent"]["emailId"] = emailId;
    return jmap.call<SetAnswer>(name, args);
  });
  const [submit] = await Promise.all(asked.slice(0, 1));
  try {
    const submissionId = made(submit as SetAnswer, "sent");
    if (letter.draftId !== null) await dropDraft(jmap, account, letter.draftId).catch(() => undefined);
    return { submissionId, emailId };
  } catch (problem) {
    await dropDraft(jmap, account, emailId).catch(() => undefined);
    throw problem;
  }
}

/** Take a letter back that waits; false when it has gone already. It is a draft again then. */
export async function takeBack(jmap: Jmap, account: Id, one: Submitted, boxes: Boxes): Promise<boolean> {
  const again = { [`mailboxIds/${boxes.sent}`]: null, [`mailboxIds/${boxes.drafts}`]: true, "keywords/$draft": true, followUp: null };
  const answer = await jmap.call<SetAnswer>("EmailSubmission/set", {
    accountId: account,
    update: { [one.submissionId]: { undoStatus: "canceled" } },
    onSuccessUpdateEmail: { [one.submissionId]: again },
  });
  return answer.updated !== null && answer.updated !== undefined && one.submissionId in answer.updated;
}

function made(answer: SetAnswer, key: string): Id {
  const refused = answer.notCreated?.[key];
  if (refused !== undefined) throw new Refused(refused);
  return String(answer.created?.[key]?.["id"] ?? "");
}
