// One list of emails, of any length: only the pages that are looked at are ever fetched.
import { SvelteMap, SvelteSet } from "svelte/reactivity";
import { keep, recall } from "../../lib/cache";
import { HttpFault } from "../../lib/http";
import type { EmailHead, GetAnswer, Id, QueryAnswer } from "../../lib/jmap/types";
import { filter as parsed, type Filter } from "../search/parse";
import { HEAD, mail } from "./mail.svelte";
import type { Place } from "./place.svelte";

export const PAGE = 50;
const KEPT = 100; // rows of a list that can be read offline
const SETTLE = 60; // ms that scrolling has to rest before pages are asked for

interface ThreadObject {
  id: Id;
  emailIds: Id[];
}
interface Snippet {
  emailId: Id;
  subject: string | null;
  preview: string | null;
}

export class EmailList {
  /** Email ids by their place; holes where nothing has been fetched. */
  private ids: (Id | undefined)[] = [];
  private version = $state(0);
  total = $state(0);
  loaded = $state(false);
  fault: string | null = $state(null);
  readonly selected = new SvelteSet<Id>();
  readonly snippets = new SvelteMap<Id, Snippet>();
  private asked = new Set<number>();
  private shown = { first: 0, last: PAGE - 1 };
  private timer = 0;
  private refreshing: Promise<void> | null = null;
  private again = false;

  constructor(
    readonly account: Id,
    readonly mailbox: Id,
    readonly query: string,
  ) {}

  static of(place: Place): EmailList {
    return new EmailList(place.account, place.mailbox, place.query);
  }

  get key(): string {
    return `list/${this.account}/${this.mailbox}/${this.query}`;
  }

  is(place: Place): boolean {
    return place.account === this.account && place.mailbox === this.mailbox && place.query === this.query;
  }

  private get filter(): Filter {
    if (this.mailbox !== "") return { inMailbox: this.mailbox };
    return parsed(this.query, mail.find(this.account)?.mailboxes ?? [], mail.labels);
  }

  at(place: number): Id | undefined {
    void this.version;
    return this.ids[place];
  }

  indexOf(id: Id): number {
    void this.version;
    return this.ids.indexOf(id);
  }

  /** The place of a conversation, among what has been fetched. */
  indexOfThread(thread: Id): number {
    void this.version;
    return this.ids.findIndex((id) => id !== undefined && mail.head(this.account, id)?.threadId === thread);
  }

  /** Every id that has been fetched. */
  get fetched(): Id[] {
    void this.version;
    return this.ids.filter((id) => id !== undefined);
  }

  /** Tell which rows are seen; what is missing of them comes. */
  see(first: number, last: number): void {
    this.shown = { first, last };
    clearTimeout(this.timer);
    const missing = this.missing();
    if (missing.length === 0) return;
    this.timer = window.setTimeout(() => {
      for (const page of this.missing()) void this.fetch(page);
    }, SETTLE);
  }

  private missing(): number[] {
    const pages = [];
    const last = Math.min(this.shown.last, Math.max(0, this.total - 1));
    for (let page = Math.floor(this.shown.first / PAGE); page <= Math.floor(last / PAGE); page++)
      if (!this.asked.has(page)) pages.push(page);
    return pages;
  }

  async open(): Promise<void> {
    const [kept] = await Promise.all([
      recall<{ ids: Id[]; total: number; heads: EmailHead[] }>(this.key),
      this.refresh(),
    ]);
    const found = kept[0];
    if (!this.loaded && found !== undefined && this.ids.length === 0) {
      mail.learn(this.account, found.heads);
      this.ids = found.ids;
      this.total = mail.online ? found.total : found.ids.length;
      this.loaded = true;
      this.fault = null;
      this.version += 1;
    }
  }

  private async fetch(page: number): Promise<void> {
    this.asked.add(page);
    try {
      const got = await this.range(page * PAGE, PAGE);
      got.ids.forEach((id, n) => (this.ids[got.position + n] = id));
      this.total = got.total ?? this.total;
      this.version += 1;
    } catch (problem) {
      this.asked.delete(page);
      this.failed(problem);
    }
  }

  /** Look again: what is seen stays until the new is there. */
  refresh(): Promise<void> {
    if (this.refreshing !== null) {
      this.again = true;
      return this.refreshing;
    }
    this.refreshing = this.reload().finally(() => {
      this.refreshing = null;
      if (this.again) {
        this.again = false;
        void this.refresh();
      }
    });
    return this.refreshing;
  }

  private async reload(): Promise<void> {
    const first = Math.floor(this.shown.first / PAGE);
    const last = Math.min(first + 3, Math.floor(this.shown.last / PAGE));
    try {
      const got = await this.range(first * PAGE, (last - first + 1) * PAGE);
      const ids: (Id | undefined)[] = [];
      got.ids.forEach((id, n) => (ids[got.position + n] = id));
      this.ids = ids;
      this.total = got.total ?? got.ids.length;
      this.asked = new Set(Array.from({ length: last - first + 1 }, (_, n) => first + n));
      for (const id of this.selected) if (!ids.includes(id)) this.selected.delete(id);
      this.fault = null;
      this.loaded = true;
      this.version += 1;
      for (const page of this.missing()) void this.fetch(page);
      if (first === 0) this.remember();
    } catch (problem) {
      this.failed(problem);
    }
  }

  private failed(problem: unknown): void {
    if (problem instanceof HttpFault && problem.isOffline) mail.online = false;
    if (!this.loaded) this.fault = problem instanceof Error ? problem.message : String(problem);
  }

  private async range(position: number, limit: number): Promise<QueryAnswer> {
    const { jmap } = mail;
    const accountId = this.account;
    if (jmap === null || accountId === "") throw new HttpFault(0, "offline", "offline");
    const asked = performance.now();
    const query = jmap.call<QueryAnswer>("Email/query", {
      accountId,
      filter: this.filter,
      sort: [{ property: "receivedAt", isAscending: false }],
      collapseThreads: true,
      position,
      limit,
      calculateTotal: true,
    });
    const heads = jmap.call<GetAnswer<EmailHead>>("Email/get", {
      accountId,
      "#ids": query.at("/ids"),
      properties: HEAD,
    });
    const threads = jmap.call<GetAnswer<ThreadObject>>("Thread/get", {
      accountId,
      "#ids": heads.at("/list/*/threadId"),
    });
    const words = this.query === "" ? null : this.filter;
    const snippets =
      words === null
        ? null
        : jmap.call<{ list: Snippet[] }>("SearchSnippet/get", {
            accountId,
            filter: words,
            "#emailIds": query.at("/ids"),
          });
    const [found, got, grouped] = await Promise.all([query, heads, threads]);
    mail.learn(accountId, got.list, asked);
    for (const one of grouped.list) mail.threads.set(`${accountId}/${one.id}`, one.emailIds);
    void this.learnOthers(grouped.list);
    snippets?.then(
      ({ list }) => list.forEach((one) => this.snippets.set(one.emailId, one)),
      () => undefined,
    );
    return found;
  }

  /** The other emails of conversations: who wrote them, and whether they have been read. */
  private async learnOthers(threads: ThreadObject[]): Promise<void> {
    const unknown = threads
      .filter((one) => one.emailIds.length > 1)
      .flatMap((one) => one.emailIds)
      .filter((id) => mail.head(this.account, id) === undefined);
    for (let at = 0; at < unknown.length; at += 400)
      await mail.fetchHeads(this.account, unknown.slice(at, at + 400)).catch(() => undefined);
  }

  /** Take rows out at once; the server is told by whoever asks for this. */
  remove(gone: Iterable<Id>): void {
    const out = new Set(gone);
    let count = 0;
    const left: (Id | undefined)[] = [];
    for (let n = 0; n < this.ids.length; n++) {
      const id = this.ids[n];
      if (id !== undefined && out.has(id)) count += 1;
      else left.push(id);
    }
    this.ids = left;
    this.total = Math.max(0, this.total - count);
    for (const id of out) this.selected.delete(id);
    // Pages have moved: what is not there any more is asked for again.
    const whole = Math.floor(left.filter((one) => one !== undefined).length / PAGE);
    this.asked = new Set([...this.asked].filter((page) => page < whole));
    this.version += 1;
  }

  private remember(): void {
    const ids = this.ids.slice(0, KEPT).filter((id) => id !== undefined);
    const heads = ids.map((id) => mail.head(this.account, id)).filter((one) => one !== undefined);
    void keep({ [this.key]: $state.snapshot({ ids, heads, total: this.total }) });
  }
}
