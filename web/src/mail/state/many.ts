// Acts on a whole folder, and for ever: done at once, so that closing the page changes nothing, and undone
// by what the server keeps of what was removed (Removed/restore, docs/design/jmap.md).
import type { Id, SetAnswer, SetError } from "../../lib/jmap/types";
import type { Jmap } from "../../lib/jmap/client";
import { toast } from "../../lib/ui/toasts.svelte";
import { t } from "../texts";
import { current, SET_MOST, why } from "./actions.svelte";
import { mail } from "./mail.svelte";

const RESTORE = "urn:merpati:jmap:restore";
const SECONDS = 20; // to undo what is gone from sight
const UNDO_MOST = 100_000; // emails that are remembered to be made unread again

/** Whether what is removed here for ever can be undone. */
export function canRestore(account: Id): boolean {
  return mail.jmap !== null && RESTORE in (mail.jmap.session.accounts[account]?.accountCapabilities ?? {});
}

async function look(account: Id): Promise<void> {
  const found = mail.find(account);
  if (found) await mail.sync(found);
  void current.list?.refresh();
}

/** Do something, tell it, offer to undo it; what an act returns undoes it. */
async function act(account: Id, what: (jmap: Jmap) => Promise<{ said: string; undo: (() => Promise<void>) | null }>): Promise<void> {
  const { jmap } = mail;
  const fail = (problem: unknown): unknown => toast(t.failed(why(problem)), { kind: "fault" });
  if (jmap === null) return void fail(new Error(t.notOffline));
  try {
    const { said, undo } = await what(jmap);
    const again = (): void => {
      undo?.()
        .then(() => toast(t.undone, { seconds: 3 }), fail)
        .finally(() => void look(account));
    };
    toast(said, undo === null ? {} : { seconds: SECONDS, action: { label: t.undo, act: again } });
  } catch (problem) {
    fail(problem);
  }
  await look(account);
}

function refused(...all: (Record<string, SetError> | null | undefined)[]): void {
  const one = all.flatMap((each) => Object.values(each ?? {})).find((each) => each.type !== "notFound");
  if (one !== undefined) throw new Error(one.description ?? one.type);
}

/** Every email of a mailbox, page by page; each page is to be out of the filter before the next. */
async function* everything(jmap: Jmap, account: Id, filter: Record<string, unknown>): AsyncGenerator<Id[]> {
  for (let guard = 0; guard < 10_000; guard++) {
    const { ids } = await jmap.call<{ ids: Id[] }>("Email/query", { accountId: account, filter, limit: SET_MOST });
    if (ids.length === 0) return;
    yield ids;
  }
}

function pages(ids: Id[]): Id[][] {
  return Array.from({ length: Math.ceil(ids.length / SET_MOST) }, (_, n) => ids.slice(n * SET_MOST, (n + 1) * SET_MOST));
}

async function setSeen(jmap: Jmap, account: Id, ids: Id[], seen: true | null): Promise<number> {
  const update = Object.fromEntries(ids.map((id) => [id, { "keywords/$seen": seen }]));
  const answer = await jmap.call<SetAnswer>("Email/set", { accountId: account, update });
  refused(answer.notUpdated);
  return Object.keys(answer.updated ?? {}).length;
}

export function markAllRead(account: Id, mailbox: Id): Promise<void> {
  return act(account, async (jmap) => {
    const done: Id[] = [];
    let count = 0;
    for await (const ids of everything(jmap, account, { inMailbox: mailbox, notKeyword: "$seen" })) {
      if ((await setSeen(jmap, account, ids, true)) === 0) break;
      count += ids.length;
      if (done.length < UNDO_MOST) done.push(...ids);
    }
    const undo = async (): Promise<void> => {
      for (const ids of pages(done)) await setSeen(jmap, account, ids, null);
    };
    return { said: t.markedRead(count), undo: count > 0 && count === done.length ? undo : null };
  });
}

/** The server's clock, before something is removed: null where it restores nothing. */
async function moment(jmap: Jmap, account: Id): Promise<string | null> {
  if (!canRestore(account)) return null;
  const { moment } = await jmap.call<{ moment: string }>("Removed/get", { accountId: account });
  return moment;
}

/** Put back what has left mailboxes since a moment; those that are gone are made again. */
export async function restore(jmap: Jmap, account: Id, mailboxes: Id[], since: string | null): Promise<void> {
  for (const mailboxId of mailboxes)
    for (let more = true; more; )
      more = (await jmap.call<{ hasMore: boolean }>("Removed/restore", { accountId: account, mailboxId, since })).hasMore;
  const found = mail.find(account);
  if (found) await mail.loadMailboxes(found);
}

async function destroyAll(jmap: Jmap, account: Id, ids: Id[]): Promise<number> {
  const answer = await jmap.call<SetAnswer>("Email/set", { accountId: account, destroy: ids });
  refused(answer.notDestroyed);
  return answer.destroyed?.length ?? 0;
}

/** Every message of a folder, for ever. */
export function empty(account: Id, mailbox: Id): Promise<void> {
  return act(account, async (jmap) => {
    const since = await moment(jmap, account);
    let count = 0;
    for await (const ids of everything(jmap, account, { inMailbox: mailbox })) {
      const done = await destroyAll(jmap, account, ids);
      if (done === 0) break;
      count += done;
    }
    return { said: t.deletedForEver(count), undo: since === null || count === 0 ? null : () => restore(jmap, account, [mailbox], since) };
  });
}

/** Some messages, for ever; they have left the list already. */
export function destroy(account: Id, ids: Id[]): Promise<void> {
  const boxes = [...new Set(ids.flatMap((id) => Object.keys(mail.head(account, id)?.mailboxIds ?? {})))];
  return act(account, async (jmap) => {
    const since = await moment(jmap, account);
    for (const page of pages(ids)) await destroyAll(jmap, account, page);
    return { said: t.deletedForEver(ids.length), undo: since === null ? null : () => restore(jmap, account, boxes, since) };
  });
}

/** A folder, with all that is in it. */
export function removeFolder(account: Id, mailbox: Id, name: string): Promise<void> {
  return act(account, async (jmap) => {
    const since = await moment(jmap, account);
    const answer = await jmap.call<SetAnswer>("Mailbox/set", { accountId: account, destroy: [mailbox], onDestroyRemoveEmails: true });
    const fault = answer.notDestroyed?.[mailbox];
    if (fault) throw new Error(fault.type === "mailboxHasChild" ? t.hasChildren : (fault.description ?? fault.type));
    const found = mail.find(account);
    if (found) await mail.loadMailboxes(found);
    return { said: t.folderDeleted(name), undo: since === null ? null : () => restore(jmap, account, [mailbox], since) };
  });
}
