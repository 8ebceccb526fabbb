// What is known of the mail of the person who has signed in, and how it is kept up to date.
import { SvelteMap } from "svelte/reactivity";
import { dropAll, keep, recall } from "../../lib/cache";
import { auth, leaving } from "../../lib/auth.svelte";
import { HttpFault } from "../../lib/http";
import { Jmap, MethodError } from "../../lib/jmap/client";
import { listen, type Changed } from "../../lib/jmap/push";
import type {
  ChangesAnswer,
  EmailHead,
  GetAnswer,
  Id,
  Label,
  Mailbox,
  Role,
  Session,
} from "../../lib/jmap/types";

export const HEAD = [
  "id",
  "threadId",
  "mailboxIds",
  "keywords",
  "receivedAt",
  "from",
  "to",
  "subject",
  "preview",
  "hasAttachment",
  "size",
  "snoozed",
  "followUp",
] as const;

const POLL = 60_000; // ms, while there is no stream of changes
const GET_MOST = 400;

/** One account: one's own, or one whose owner shares mailboxes. */
export class MailAccount {
  mailboxes: Mailbox[] = $state.raw([]);
  quota: { used: number; limit: number } | null = $state.raw(null);
  states: Record<string, string> = {};

  constructor(
    readonly id: Id,
    readonly name: string,
    readonly isOwn: boolean,
    readonly isReadOnly: boolean,
  ) {}

  byId = $derived(new Map(this.mailboxes.map((one) => [one.id, one])));

  byRole(role: Role): Mailbox | undefined {
    return this.mailboxes.find((one) => one.role === role);
  }
}

class Mail {
  jmap: Jmap | null = $state.raw(null);
  accounts: MailAccount[] = $state.raw([]);
  online = $state(true);
  /** Emails as lists show them, by id; ids are of one account only, so they are told apart. */
  readonly emails = new SvelteMap<string, EmailHead>();
  labels: Label[] = $state.raw([]);
  readonly threads = new SvelteMap<string, Id[]>();
  /** Called when lists may have changed. */
  readonly onChanged = new Set<(account: Id) => void>();
  private held = new Map<string, number>();
  private stop: (() => void) | null = null;
  private syncing = new Map<Id, Promise<void>>();
  private again = new Set<Id>(); // told of changes while they were being fetched

  get own(): MailAccount | undefined {
    return this.accounts.find((one) => one.isOwn);
  }

  /** The id of one's own account. */
  get account(): Id {
    return this.own?.id ?? "";
  }

  /** The mailboxes of one's own account. */
  get mailboxes(): Mailbox[] {
    return this.own?.mailboxes ?? [];
  }

  byRole(role: Role): Mailbox | undefined {
    return this.own?.byRole(role);
  }

  find(account: Id): MailAccount | undefined {
    return this.accounts.find((one) => one.id === account);
  }

  head(account: Id, id: Id): EmailHead | undefined {
    return this.emails.get(`${account}/${id}`);
  }

  thread(account: Id, id: Id): Id[] | undefined {
    return this.threads.get(`${account}/${id}`);
  }

  /** Emails as they are now, or as they were when the server was asked, in ms. */
  learn(account: Id, list: EmailHead[], asked = Number.POSITIVE_INFINITY): void {
    for (const one of list) {
      const key = `${account}/${one.id}`;
      if ((this.held.get(key) ?? 0) <= asked) this.emails.set(key, one);
    }
  }

  /** What was asked for before a time says nothing of these emails: they are being changed here. */
  hold(account: Id, ids: Iterable<Id>, until: number): void {
    for (const id of ids) this.held.set(`${account}/${id}`, until);
  }

  /** Begin: the session, the mailboxes, the stream of changes. Offline, what was kept. */
  async start(): Promise<void> {
    try {
      this.take(await Jmap.connect());
      await Promise.all(this.accounts.map((one) => this.loadMailboxes(one)));
      this.online = true;
    } catch (problem) {
      if (!(problem instanceof HttpFault) || !problem.isOffline) throw problem;
      this.online = false;
      const [session] = await recall<Session>("session");
      if (session === undefined) throw problem;
      this.take(new Jmap(session));
      const found = await recall<Mailbox[]>(...this.accounts.map((one) => `mailboxes/${one.id}`));
      this.accounts.forEach((one, n) => (one.mailboxes = found[n] ?? []));
      this.labels = (await recall<Label[]>("labels"))[0] ?? [];
    }
    if (this.jmap !== null) {
      this.stop = listen(
        this.jmap,
        ["Email", "Mailbox", "Thread", "EmailDelivery", "Quota", "Label"],
        (changed) => this.heard(changed),
        (online) => (this.online = online),
      );
    }
    addEventListener("offline", () => (this.online = false));
    addEventListener("online", () => {
      this.online = true;
      this.heard({});
    });
    setInterval(() => {
      if (document.visibilityState === "visible" && this.online) this.heard({});
    }, POLL);
  }

  private take(jmap: Jmap): void {
    this.jmap = jmap;
    this.accounts = Object.entries(jmap.session.accounts)
      .map(([id, one]) => new MailAccount(id, one.name, one.isPersonal, one.isReadOnly))
      .sort((a, b) => Number(b.isOwn) - Number(a.isOwn) || a.name.localeCompare(b.name));
    void keep({ session: jmap.session });
  }

  async loadMailboxes(account: MailAccount): Promise<void> {
    if (this.jmap === null) return;
    const asked = this.jmap.call<GetAnswer<Mailbox>>("Mailbox/get", {
      accountId: account.id,
      ids: null,
    });
    // The state of emails at the time, so that everything after is heard of.
    const state =
      account.states["Email"] === undefined
        ? this.jmap.call<GetAnswer<EmailHead>>("Email/get", { accountId: account.id, ids: [] })
        : null;
    void this.loadQuota(account);
    if (account.isOwn) void this.loadLabels().catch(() => undefined);
    const got = await asked;
    account.mailboxes = got.list;
    account.states["Mailbox"] = got.state;
    if (state !== null) account.states["Email"] ??= (await state).state;
    void keep({ [`mailboxes/${account.id}`]: got.list });
  }

  async loadLabels(): Promise<void> {
    if (!this.jmap?.supports("urn:merpati:jmap:labels")) return;
    const { list } = await this.jmap.call<GetAnswer<Label>>("Label/get", { accountId: this.account, ids: null });
    this.labels = list;
    void keep({ labels: list });
  }

  private async loadQuota(account: MailAccount): Promise<void> {
    if (!this.jmap?.supports("urn:ietf:params:jmap:quota") || !account.isOwn) return;
    interface Quota {
      resourceType: string;
      used: number;
      hardLimit: number;
    }
    try {
      const { list } = await this.jmap.call<GetAnswer<Quota>>("Quota/get", {
        accountId: account.id,
        ids: null,
      });
      const found = list.find((one) => one.resourceType === "octets");
      account.quota = found ? { used: found.used, limit: found.hardLimit } : null;
    } catch {
      account.quota = null;
    }
  }

  private heard(changed: Changed): void {
    for (const account of this.accounts) {
      const told = changed[account.id];
      if (Object.keys(changed).length > 0 && told === undefined) continue;
      if (told !== undefined && told["Email"] === account.states["Email"] && told["Mailbox"] === account.states["Mailbox"])
        continue;
      void this.sync(account);
    }
  }

  /** Fetch what has changed in an account; one at a time, and once more if asked meanwhile. */
  sync(account: MailAccount): Promise<void> {
    const running = this.syncing.get(account.id);
    if (running !== undefined) {
      this.again.add(account.id);
      return running;
    }
    const made = this.fetchChanges(account)
      .catch((problem: unknown) => {
        if (problem instanceof HttpFault && problem.isOffline) this.online = false;
      })
      .finally(() => {
        this.syncing.delete(account.id);
        if (this.again.delete(account.id)) void this.sync(account);
      });
    this.syncing.set(account.id, made);
    return made;
  }

  private async fetchChanges(account: MailAccount): Promise<void> {
    const jmap = this.jmap;
    const since = account.states["Email"];
    if (jmap === null) return;
    if (since === undefined) return this.loadMailboxes(account);
    const boxes = this.loadMailboxes(account);
    let told: ChangesAnswer;
    try {
      told = await jmap.call<ChangesAnswer>("Email/changes", {
        accountId: account.id,
        sinceState: since,
        maxChanges: 500,
      });
    } catch (problem) {
      if (!(problem instanceof MethodError)) throw problem;
      // Too much has changed, or too long ago: forget everything and look again.
      delete account.states["Email"];
      await boxes;
      await this.loadMailboxes(account);
      for (const on of this.onChanged) on(account.id);
      return;
    }
    this.online = true;
    account.states["Email"] = told.newState;
    const known = told.updated.filter((id) => this.head(account.id, id) !== undefined);
    for (let at = 0; at < known.length; at += GET_MOST) await this.fetchHeads(account.id, known.slice(at, at + GET_MOST));
    for (const id of told.destroyed) this.emails.delete(`${account.id}/${id}`);
    await boxes;
    if (told.created.length + told.updated.length + told.destroyed.length > 0)
      for (const on of this.onChanged) on(account.id);
    if (told.hasMoreChanges) await this.fetchChanges(account);
  }

  async fetchHeads(account: Id, ids: Id[]): Promise<void> {
    if (this.jmap === null || ids.length === 0) return;
    const asked = performance.now();
    const { list } = await this.jmap.call<GetAnswer<EmailHead>>("Email/get", {
      accountId: account,
      ids,
      properties: HEAD,
    });
    this.learn(account, list, asked);
  }

  close(): void {
    this.stop?.();
    this.jmap = null;
    this.accounts = [];
    this.labels = [];
    this.emails.clear();
    this.held.clear();
    this.threads.clear();
  }
}

export const mail = new Mail();
leaving.push(async () => {
  mail.close();
  await dropAll();
});

/** Who reads: for what is "me" in lists. */
export function isMe(email: string): boolean {
  return auth.person?.address.toLowerCase() === email.toLowerCase();
}
