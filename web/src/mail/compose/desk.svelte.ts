// The letters on the desk: begun, kept, sent, taken back, waiting for a connection.
import { auth } from "../../lib/auth.svelte";
import { HttpFault } from "../../lib/http";
import { MethodError } from "../../lib/jmap/client";
import type { GetAnswer, Id } from "../../lib/jmap/types";
import { longDate, shortDate } from "../../lib/language.svelte";
import { toast } from "../../lib/ui/toasts.svelte";
import { setMailbox } from "../state/actions.svelte";
import type { Intent } from "../state/intents.svelte";
import { mail } from "../state/mail.svelte";
import { domainOf } from "./addresses";
import { begin } from "./begin";
import * as keeping from "./keeping";
import { isBlank, type Letter } from "./letter";
import { prefs } from "./prefs.svelte";
import type { Identity } from "./quote";
import { known } from "./recipients";
import { Saver } from "./saver";
import { dropDraft, keepDraft, mayHold, Refused, send, takeBack, type Boxes, type Submitted, type When } from "./sending";
import { t } from "./texts";

const OUTBOX_EVERY = 30_000; // ms
const IDENTITIES_FRESH = 60_000; // ms

/** A letter that is open. */
export class Open {
  letter: Letter = $state() as Letter;
  size: "window" | "full" | "small" = $state("window");
  saved: string | null = $state(null);
  saving = $state(false);
  unsaved = $state(false);
  fault: string | null = $state(null);
  /** Brings what the editor holds into the letter; the window that shows it sets this. */
  snapshot: () => Letter = () => $state.snapshot(this.letter) as Letter;
  readonly begun: Letter;
  private readonly saver: Saver<true>;
  private gone = false;

  constructor(letter: Letter) {
    this.letter = letter;
    this.begun = JSON.parse(JSON.stringify(letter)) as Letter;
    this.saver = new Saver(() => this.save());
  }

  /** Called with each change: costs next to nothing, the work is done when one pauses. */
  changed(): void {
    if (!this.gone) this.saver.changed(true);
  }

  private async save(): Promise<void> {
    const letter = this.snapshot();
    if (isBlank(letter, this.begun) && letter.draftId === null) return;
    await keeping.keepUnfinished(letter);
    if (letter.protect === "encrypt") return this.withdraw(letter);
    const drafts = await desk.box("drafts");
    if (mail.jmap === null || drafts === null) return;
    this.saving = true;
    try {
      this.letter.draftId = await keepDraft(mail.jmap, mail.account, letter, drafts);
      this.saved = shortDate(new Date().toISOString());
      this.unsaved = false;
    } catch (problem) {
      this.unsaved = true;
      throw problem;
    } finally {
      this.saving = false;
    }
  }

  /** What is to be encrypted is kept in this browser alone, and a draft from before leaves the server. */
  private async withdraw(letter: Letter): Promise<void> {
    // Files of a draft are parts of it: they stay until they are sent.
    if (letter.draftId === null || letter.attachments.length > 0 || mail.jmap === null) return;
    await dropDraft(mail.jmap, mail.account, letter.draftId);
    this.letter.draftId = null;
    this.saved = null;
  }

  flush(): Promise<void> {
    return this.saver.flush();
  }

  /** Save no more. */
  async end(): Promise<void> {
    this.gone = true;
    await this.saver.stop();
  }
}

class Desk {
  open: Open[] = $state.raw([]);
  identities: Identity[] = $state.raw([]);
  waiting: keeping.Waiting[] = $state.raw([]);
  recovered: Letter[] = $state.raw([]);
  redirecting: Exclude<Intent, { kind: "new" }> | null = $state.raw(null);
  private identitiesAt = 0;
  private started = false;

  /** What belongs to no single letter: what was not finished, what waits. */
  async start(): Promise<void> {
    if (this.started) return;
    this.started = true;
    this.waiting = await keeping.outbox();
    this.recovered = (await keeping.unfinished()).filter((one) => !this.waiting.some(({ letter }) => letter.key === one.key));
    addEventListener("online", () => void this.sendWaiting());
    setInterval(() => void this.sendWaiting(), OUTBOX_EVERY);
    void this.sendWaiting();
  }

  async begin(intent: Intent): Promise<void> {
    void known.load();
    if (intent.kind === "redirect") {
      await this.loadIdentities();
      this.redirecting = intent;
      return;
    }
    if (intent.kind === "draft") {
      const already = this.open.find(({ letter }) => letter.draftId === intent.email.id);
      if (already !== undefined) return this.show(already);
    }
    try {
      await this.loadIdentities();
      if (mail.jmap === null) throw new HttpFault(0, "offline", "offline");
      this.put(await begin(intent, mail.jmap, this.identities));
    } catch (problem) {
      toast(t.sendFailed(why(problem)), { kind: "fault" });
    }
  }

  put(letter: Letter): Open {
    const made = new Open(letter);
    for (const one of this.open) if (one.size === "full" || this.open.length > 1) one.size = "small";
    this.open = [...this.open, made];
    return made;
  }

  show(one: Open): void {
    for (const other of this.open) if (other !== one && other.size === "full") other.size = "small";
    if (one.size === "small") one.size = "window";
  }

  /** Those whom the person may write as; the account's own address until it is known. */
  async loadIdentities(force = false): Promise<void> {
    if (!force && this.identities.length > 0 && Date.now() - this.identitiesAt < IDENTITIES_FRESH) return;
    const { person } = auth;
    const own: Identity = { id: "", name: person?.name ?? "", email: person?.address ?? "", replyTo: null, bcc: null, textSignature: "", htmlSignature: "", mayDelete: false };
    try {
      if (mail.jmap === null) throw new HttpFault(0, "offline", "offline");
      const { list } = await mail.jmap.call<GetAnswer<Identity>>("Identity/get", { accountId: mail.account, ids: null });
      this.identities = list.length > 0 ? list : [own];
      this.identitiesAt = Date.now();
    } catch {
      if (this.identities.length === 0) this.identities = [own];
    }
  }

  /** The domains of the person's own organisation. */
  get inside(): Set<string> {
    return new Set([...this.identities.map(({ email }) => domainOf(email)), domainOf(auth.person?.address ?? "")].filter((one) => one !== ""));
  }

  get holdsBack(): number {
    return mail.jmap === null ? 0 : mayHold(mail.jmap, mail.account);
  }

  /** The size of a message that the server takes, in bytes. */
  get most(): number {
    const told = mail.jmap?.session.accounts[mail.account]?.accountCapabilities["urn:ietf:params:jmap:mail"]?.["maxSizeAttachmentsPerEmail"];
    return typeof told === "number" ? told : Number.POSITIVE_INFINITY;
  }

  async box(role: "drafts" | "sent" | "templates"): Promise<Id | null> {
    const found = mail.byRole(role);
    if (found !== undefined) return found.id;
    const name = { drafts: "Drafts", sent: "Sent", templates: "Templates" }[role];
    return (await setMailbox(mail.account, { create: { made: { name, role } } })) ?? null;
  }

  async boxes(): Promise<Boxes> {
    const [drafts, sent] = [await this.box("drafts"), await this.box("sent")];
    if (drafts === null || sent === null) throw new Error("no mailbox for drafts or sent mail");
    return { drafts, sent };
  }

  private remove(one: Open): void {
    this.open = this.open.filter((other) => other !== one);
  }

  /** Close a window; what was written is a draft. */
  async close(one: Open): Promise<void> {
    this.remove(one);
    const letter = one.snapshot();
    await one.flush();
    await one.end();
    if (one.unsaved) return; // it stays in this browser until there is a connection
    if (letter.protect === "encrypt" && !isBlank(letter, one.begun)) {
      this.recovered = [...this.recovered, letter];
      return void toast(t.keptHere, { seconds: 4 });
    }
    await keeping.finished(letter.key);
    if (one.letter.draftId !== null && !isBlank(letter, one.begun)) toast(t.keptDraft, { seconds: 4 });
    this.changed();
  }

  async discard(one: Open): Promise<void> {
    const letter = one.snapshot();
    this.remove(one);
    await one.end();
    await keeping.finished(letter.key);
    const id = one.letter.draftId;
    if (id !== null && mail.jmap !== null) await dropDraft(mail.jmap, mail.account, id).catch(() => undefined);
    toast(t.discarded, { action: { label: t.undo, act: () => this.put({ ...letter, draftId: null }).changed() } });
    this.changed();
  }

  /** Send what is open: at once it is off the desk; it comes back when the server refuses it. */
  async send(one: Open, when: When | null = null): Promise<void> {
    const letter = one.snapshot();
    const most = this.holdsBack;
    const seconds = Math.min(prefs.undoSeconds, most);
    this.remove(one);
    await one.end();
    letter.draftId = one.letter.draftId;
    await keeping.keepUnfinished(letter);
    await this.post(letter, when ?? (seconds > 0 ? { kind: "after", seconds } : { kind: "now" }));
  }

  private async post(letter: Letter, when: When): Promise<void> {
    const dropToast = toast(t.sending, { seconds: 0 });
    try {
      if (mail.jmap === null) throw new HttpFault(0, "offline", "offline");
      const boxes = await this.boxes();
      const done = await send(mail.jmap, mail.account, letter, boxes, when);
      dropToast();
      await keeping.finished(letter.key);
      await keeping.sentOut(letter.key);
      known.met([...letter.to, ...letter.cc, ...letter.bcc]);
      this.told(letter, done, boxes, when);
    } catch (problem) {
      dropToast();
      if (problem instanceof HttpFault && problem.isOffline) return this.wait(letter, when);
      const open = this.put(letter);
      open.fault = t.sendFailed(why(problem));
    }
    this.changed();
  }

  private told(letter: Letter, done: Submitted, boxes: Boxes, when: When): void {
    if (when.kind === "now") return void toast(t.sent);
    const act = (): void => void this.takeBack(letter, done, boxes);
    if (when.kind === "at") toast(t.sentLater(longDate(when.time.toISOString())), { action: { label: t.undo, act } });
    else toast(t.sentIn(when.seconds), { seconds: when.seconds, action: { label: t.undo, act } });
  }

  async takeBack(letter: Letter, done: Submitted, boxes: Boxes): Promise<void> {
    if (mail.jmap === null) return;
    try {
      if (await takeBack(mail.jmap, mail.account, done, boxes)) {
        toast(t.takenBack);
        this.put({ ...letter, draftId: done.emailId });
      } else toast(t.tooLate, { kind: "fault" });
    } catch (problem) {
      toast(problem instanceof MethodError ? t.tooLate : t.sendFailed(why(problem)), { kind: "fault" });
    }
    this.changed();
  }

  private async wait(letter: Letter, when: When): Promise<void> {
    const one: keeping.Waiting = { letter, when, since: Date.now(), fault: null };
    await keeping.keepWaiting(one);
    await keeping.finished(letter.key);
    this.waiting = [...this.waiting.filter((other) => other.letter.key !== letter.key), one];
    toast(t.willSendOffline);
  }

  /** Send what waits, if there is a connection now. */
  async sendWaiting(): Promise<void> {
    if (!navigator.onLine || !mail.online || this.waiting.length === 0) return;
    const all = this.waiting;
    this.waiting = [];
    for (const { letter, when } of all) {
      await keeping.sentOut(letter.key);
      await keeping.keepUnfinished(letter);
      // A time that has passed meanwhile means: now.
      await this.post(letter, when.kind === "at" && when.time > new Date() ? when : { kind: "now" });
    }
  }

  /** Write on what was not finished when the page went away, or forget it. */
  resume(letter: Letter): void {
    this.recovered = this.recovered.filter((one) => one !== letter);
    const open = this.put({ ...letter, attachments: letter.attachments.filter((one) => one.blobId !== null) });
    open.changed();
  }

  forget(letter: Letter): void {
    this.recovered = this.recovered.filter((one) => one !== letter);
    void keeping.finished(letter.key);
  }

  private changed(): void {
    const { own } = mail;
    if (own !== undefined) void mail.sync(own);
  }
}

export const desk = new Desk();

/** Why something was refused, in words. */
export function why(problem: unknown): string {
  if (problem instanceof HttpFault && problem.isOffline) return t.offline;
  if (problem instanceof Refused) {
    const { type, description } = problem.error;
    const told = problem.error as unknown as Record<string, unknown>;
    if (type === "forbiddenFrom" || type === "forbiddenMailFrom") return t.refusedFrom;
    if (type === "invalidRecipients") return t.refusedRecipients(((told["invalidRecipients"] as string[] | undefined) ?? []).join(", "));
    if (type === "tooLarge") return t.refusedLarge;
    if (type === "tooManyRecipients") return t.refusedMany;
    return description ?? type;
  }
  return problem instanceof Error ? problem.message : String(problem);
}

