// What changes mail: shown at once, told to the server, offered to be undone, taken back when refused.
import { HttpFault } from "../../lib/http";
import type { EmailHead, Id, Role, SetAnswer, SetError } from "../../lib/jmap/types";
import { toast } from "../../lib/ui/toasts.svelte";
import { mailboxName, t } from "../texts";
import { nameOf as nameOfLabel } from "../list/labels";
import type { EmailList } from "./list.svelte";
import { mail } from "./mail.svelte";

/** A patch of Email/set: "keywords/$seen": true, "mailboxIds/F1": null. */
type Patch = Record<string, true | null>;
type Patches = Map<Id, Patch>;

export const SET_MOST = 500;

/** The list that is shown, for rows to leave it at once. */
export const current: { list: EmailList | null } = $state.raw({ list: null });

function patched(email: EmailHead, patch: Patch): EmailHead {
  const made = { ...email, keywords: { ...email.keywords }, mailboxIds: { ...email.mailboxIds } };
  for (const [path, value] of Object.entries(patch)) {
    const slash = path.indexOf("/");
    const where = path.slice(0, slash) === "keywords" ? made.keywords : made.mailboxIds;
    const key = path.slice(slash + 1).replaceAll("~1", "/").replaceAll("~0", "~");
    if (value === null) delete where[key];
    else where[key] = true;
  }
  return made;
}

function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** What undoes a patch of an email as it is now. */
function inverse(email: EmailHead, patch: Patch): Patch {
  const made: Patch = {};
  for (const path of Object.keys(patch)) {
    const slash = path.indexOf("/");
    const where = path.slice(0, slash) === "keywords" ? email.keywords : email.mailboxIds;
    const key = path.slice(slash + 1).replaceAll("~1", "/").replaceAll("~0", "~");
    made[path] = where[key] === true ? true : null;
  }
  return made;
}

function show(account: Id, patches: Patches): void {
  for (const [id, patch] of patches) {
    const email = mail.head(account, id);
    if (email !== undefined) mail.learn(account, [patched(email, patch)]);
  }
}

export function why(problem: unknown): string {
  if (problem instanceof HttpFault && problem.isOffline) return t.notOffline;
  return problem instanceof Error ? problem.message : String(problem);
}

async function tell(account: Id, patches: Patches): Promise<void> {
  const { jmap } = mail;
  if (jmap === null) throw new HttpFault(0, "offline", "offline");
  const all = [...patches];
  const most = Math.min(SET_MOST, jmap.limit("maxObjectsInSet", SET_MOST));
  mail.hold(account, patches.keys(), Number.POSITIVE_INFINITY);
  try {
    for (let at = 0; at < all.length; at += most) {
      const update = Object.fromEntries(all.slice(at, at + most));
      const answer = await jmap.call<SetAnswer>("Email/set", { accountId: account, update });
      const refused: SetError | undefined = Object.values(answer.notUpdated ?? {}).find((one) => one.type !== "notFound");
      if (refused !== undefined) throw new Error(refused.description ?? refused.type);
    }
  } finally {
    mail.hold(account, patches.keys(), performance.now());
  }
}

async function change(
  account: Id,
  patches: Patches,
  said: string | null,
  leaves: Iterable<Id> = [],
): Promise<void> {
  if (patches.size === 0) return;
  const back: Patches = new Map();
  for (const [id, patch] of patches) {
    const email = mail.head(account, id);
    if (email !== undefined) back.set(id, inverse(email, patch));
  }
  show(account, patches);
  const { list } = current;
  if (list?.account === account) list.remove(leaves);
  const found = mail.find(account);
  try {
    const told = tell(account, patches);
    if (said !== null)
      toast(said, {
        action: {
          label: t.undo,
          act: () => {
            show(account, back);
            told
              .then(() => tell(account, back))
              .then(() => toast(t.undone, { seconds: 3 }))
              .catch((problem: unknown) => toast(t.failed(why(problem)), { kind: "fault" }))
              .finally(() => {
                void current.list?.refresh();
                if (found) void mail.sync(found);
              });
          },
        },
      });
    await told;
    if (found) void mail.sync(found);
  } catch (problem) {
    show(account, back);
    toast(t.failed(why(problem)), { kind: "fault" });
    void current.list?.refresh();
  }
}

/** The emails of the conversations that rows stand for: all of them, or those in a mailbox. */
export function whole(account: Id, rows: Iterable<Id>, inMailbox = ""): Id[] {
  const found = new Set<Id>();
  for (const row of rows) {
    found.add(row);
    const head = mail.head(account, row);
    for (const id of (head && mail.thread(account, head.threadId)) ?? []) {
      const other = mail.head(account, id);
      if (other !== undefined && (inMailbox === "" || other.mailboxIds[inMailbox])) found.add(id);
    }
  }
  return [...found];
}

export function setKeyword(account: Id, ids: Id[], keyword: string, on: boolean, said: string | null): void {
  const patches: Patches = new Map();
  const path = `keywords/${pointer(keyword)}`;
  for (const id of ids) {
    const head = mail.head(account, id);
    if (head !== undefined && (head.keywords[keyword] === true) !== on) patches.set(id, { [path]: on ? true : null });
  }
  void change(account, patches, said);
}

export function markRead(account: Id, rows: Id[], read: boolean, quiet = false): void {
  const said = quiet ? null : read ? t.markedRead(rows.length) : t.markedUnread(rows.length);
  // A conversation becomes unread by its last message alone.
  setKeyword(account, read ? whole(account, rows) : rows, "$seen", read, said);
}

export function star(account: Id, rows: Id[], on: boolean): void {
  setKeyword(account, on ? rows : whole(account, rows), "$flagged", on, on ? t.starredToast(rows.length) : t.unstarredToast(rows.length));
}

export function label(account: Id, rows: Id[], name: string, on: boolean): void {
  setKeyword(account, whole(account, rows), name.toLowerCase(), on, on ? t.labelled(nameOfLabel(name)) : t.unlabelled(nameOfLabel(name)));
}

/** Move the conversations of rows out of a mailbox (of all, when "") into another. */
export function move(account: Id, rows: Id[], from: Id, to: Id, said: string, keywords: Patch = {}): void {
  if (from === to) return;
  const patches: Patches = new Map();
  for (const id of whole(account, rows, from)) {
    const head = mail.head(account, id);
    if (head === undefined) continue;
    const patch: Patch = { ...keywords, [`mailboxIds/${pointer(to)}`]: true };
    const leave = from === "" ? Object.keys(head.mailboxIds) : [from];
    for (const one of leave) if (one !== to) patch[`mailboxIds/${pointer(one)}`] = null;
    patches.set(id, patch);
  }
  void change(account, patches, said, rows);
}

function role(account: Id, name: Role): Id | undefined {
  return mail.find(account)?.byRole(name)?.id;
}

export async function archive(account: Id, rows: Id[], from: Id): Promise<void> {
  const to = role(account, "archive") ?? (await make(account, "archive"));
  if (to !== undefined) move(account, rows, from, to, t.archived(rows.length));
}

export async function junk(account: Id, rows: Id[], from: Id, phishing = false): Promise<void> {
  const to = role(account, "junk") ?? (await make(account, "junk"));
  const keywords: Patch = { "keywords/$junk": true, "keywords/$notjunk": null };
  if (phishing) keywords["keywords/$phishing"] = true;
  if (to !== undefined) move(account, rows, from, to, phishing ? t.reported : t.junked(rows.length), keywords);
}

export function notJunk(account: Id, rows: Id[], from: Id): void {
  const to = role(account, "inbox");
  const keywords: Patch = { "keywords/$junk": null, "keywords/$phishing": null, "keywords/$notjunk": true };
  if (to !== undefined) move(account, rows, from, to, t.unjunked(rows.length), keywords);
}

export async function trash(account: Id, rows: Id[], from: Id): Promise<void> {
  const to = role(account, "trash") ?? (await make(account, "trash"));
  if (to !== undefined) move(account, rows, from, to, t.deleted(rows.length));
}

/** A mailbox for a role that the account has none for yet. */
async function make(account: Id, name: "archive" | "junk" | "trash"): Promise<Id | undefined> {
  const english = { archive: "Archive", junk: "Junk", trash: "Trash" }[name];
  return setMailbox(account, { create: { made: { name: english, role: name } } });
}

/** Mailbox/set; the id of what was made. Tells the person when it is refused. */
export async function setMailbox(account: Id, what: Record<string, unknown>): Promise<Id | undefined> {
  const { jmap } = mail;
  if (jmap === null) return undefined;
  try {
    const answer = await jmap.call<SetAnswer>("Mailbox/set", { accountId: account, ...what });
    const refused = [answer.notCreated, answer.notUpdated, answer.notDestroyed].flatMap((one) => Object.values(one ?? {}))[0];
    if (refused !== undefined) throw new Error(refused.type === "mailboxHasChild" ? t.hasChildren : (refused.description ?? refused.type));
    const found = mail.find(account);
    if (found) await mail.loadMailboxes(found);
    return Object.values(answer.created ?? {})[0]?.["id"] as Id | undefined;
  } catch (problem) {
    toast(t.failed(why(problem)), { kind: "fault" });
    return undefined;
  }
}

export function nameOf(account: Id, mailbox: Id): string {
  const found = mail.find(account)?.byId.get(mailbox);
  return found === undefined ? "" : mailboxName(found);
}
