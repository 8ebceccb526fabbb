// What comes up at a time: snoozed mail, and sent mail that nobody answers (docs/design/jmap.md).
import type { EmailHead, Id, SetAnswer } from "../../lib/jmap/types";
import { longDate } from "../../lib/language.svelte";
import { toast } from "../../lib/ui/toasts.svelte";
import { t } from "../texts";
import { current, whole, why } from "./actions.svelte";
import { mail } from "./mail.svelte";

/** Marks of emails that have come up. */
export const AWAKENED = "$awakened";
export const UNANSWERED = "$followup";

type Patch = Record<string, unknown>;

function utcDate(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}

/** Change emails, show it at once, offer to undo it, and take it back when it is refused. */
async function change(
  account: Id,
  emails: EmailHead[],
  patch: Patch,
  shown: (email: EmailHead) => EmailHead,
  said: string | null,
  back: Patch | null,
): Promise<void> {
  const found = mail.find(account);
  const tell = async (what: Patch): Promise<void> => {
    const update = Object.fromEntries(emails.map((one) => [one.id, what]));
    const answer = await mail.jmap?.call<SetAnswer>("Email/set", { accountId: account, update });
    const refused = Object.values(answer?.notUpdated ?? {}).find((one) => one.type !== "notFound");
    if (refused !== undefined) throw new Error(refused.description ?? refused.type);
  };
  const settle = (): void => {
    if (found) void mail.sync(found);
    void current.list?.refresh();
  };
  mail.learn(account, emails.map(shown));
  const told = tell(patch);
  const undo = (): void => {
    mail.learn(account, emails);
    told
      .then(() => tell(back ?? {}))
      .then(() => toast(t.undone, { seconds: 3 }))
      .catch((problem: unknown) => toast(t.failed(why(problem)), { kind: "fault" }))
      .finally(settle);
  };
  if (said !== null) toast(said, back === null ? {} : { action: { label: t.undo, act: undo } });
  try {
    await told;
  } catch (problem) {
    mail.learn(account, emails);
    toast(t.failed(why(problem)), { kind: "fault" });
  }
  settle();
}

function heads(account: Id, ids: Id[]): EmailHead[] {
  return ids.map((id) => mail.head(account, id)).filter((one) => one !== undefined);
}

/** Let the conversations of rows sleep until a time. */
export function snooze(account: Id, rows: Id[], from: Id, until: Date): void {
  const box = mail.find(account)?.byRole("snoozed")?.id;
  const snoozed = { until: utcDate(until) };
  const emails = heads(account, whole(account, rows, from));
  const shown = (one: EmailHead): EmailHead => ({ ...one, snoozed, mailboxIds: box === undefined ? {} : { [box]: true } });
  if (from !== box && current.list?.account === account) current.list.remove(rows);
  const before = emails[0]?.snoozed ?? null; // whoever puts it off may undo that, too
  void change(account, emails, { snoozed }, shown, t.snoozedUntil(longDate(snoozed.until)), { snoozed: before });
}

/** Bring them back now. */
export function wake(account: Id, rows: Id[]): void {
  const emails = heads(account, whole(account, rows)).filter((one) => one.snoozed);
  const until = emails[0]?.snoozed?.until;
  if (until === undefined) return;
  current.list?.remove(rows);
  void change(account, emails, { snoozed: null }, (one) => ({ ...one, snoozed: null }), t.broughtBack, { snoozed: { until } });
}

/** Ask to be reminded of a sent email at a time; null: not any more. */
export function remind(account: Id, id: Id, at: Date | null, said: string): void {
  const followUp = at === null ? null : { at: utcDate(at) };
  const patch = { followUp, [`keywords/${UNANSWERED}`]: null, ...withoutInbox(account, id) };
  void change(account, heads(account, [id]), patch, (one) => ({ ...one, followUp, keywords: without(one.keywords, UNANSWERED) }), said, null);
}

/** One is done with what had come up: its mark goes, and the place that it had beside its own. */
export function done(account: Id, id: Id): void {
  const email = mail.head(account, id);
  if (email === undefined) return;
  const patch: Patch = { [`keywords/${AWAKENED}`]: null, [`keywords/${UNANSWERED}`]: null, "keywords/$seen": true };
  if (email.keywords[UNANSWERED]) Object.assign(patch, withoutInbox(account, id));
  const keywords = without(without(email.keywords, AWAKENED), UNANSWERED);
  void change(account, [email], patch, (one) => ({ ...one, keywords: { ...keywords, $seen: true } }), null, null);
}

function without(keywords: Record<string, true>, name: string): Record<string, true> {
  return Object.fromEntries(Object.entries(keywords).filter(([one]) => one !== name));
}

function withoutInbox(account: Id, id: Id): Patch {
  const inbox = mail.find(account)?.byRole("inbox")?.id ?? "";
  const boxes = mail.head(account, id)?.mailboxIds ?? {};
  return boxes[inbox] && Object.keys(boxes).length > 1 ? { [`mailboxIds/${inbox}`]: null } : {};
}
