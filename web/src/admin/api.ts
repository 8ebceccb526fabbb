// The API as the screens use it (docs/reference/api.md). Times are Unix milliseconds.
import { HttpFault, json } from "../lib/http";
import { toast } from "../lib/ui/toasts.svelte";
import { t } from "./texts";

const PREFIX = "/api/v1";

export const get = <T>(path: string): Promise<T> => json<T>("GET", PREFIX + path);
export const post = <T>(path: string, body: unknown): Promise<T> => json<T>("POST", PREFIX + path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => json<T>("PUT", PREFIX + path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> => json<T>("PATCH", PREFIX + path, body);
export const erase = (path: string): Promise<void> => json<void>("DELETE", PREFIX + path);

/** A part of a path: everything but letters, digits and a few marks is escaped. */
export const part = (text: string): string => encodeURIComponent(text);

export function query(given: Record<string, string | number | boolean | undefined>): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && value !== "") said.set(name, String(value));
  const text = said.toString();
  return text === "" ? "" : `?${text}`;
}

export function reason(problem: unknown): string {
  return problem instanceof HttpFault || problem instanceof Error ? problem.message : String(problem);
}

/** Do something, and say so when it does not work; whether it worked. */
export async function attempt(act: () => Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await act();
    if (done !== "") toast(done);
    return true;
  } catch (problem) {
    toast(t.failed(reason(problem)), { kind: "fault" });
    return false;
  }
}

export type Right = "accounts" | "lists" | "trace" | "reports";
export interface Me {
  address: string;
  name: string;
  language: string;
  administrator: boolean;
  domains: Record<string, Right[]>;
}
export interface Account {
  address: string;
  name: string;
  kind: string;
  admin: boolean;
  disabled: boolean;
  language: string;
  quota: number;
  quotaEmails: number;
  used: number;
  emails: number;
}
export interface AccountDetail extends Account {
  addresses: string[];
  mailboxes: { name: string; emails: number; unseen: number; bytes: number }[];
}
export interface Domain {
  name: string;
  aliases: string[];
  accounts: number;
  used: number;
  emails: number;
  quota: number;
  quotaEmails: number;
}
export type Mark = "published" | "missing" | "other" | "unknown";
export interface DnsRecord {
  name: string;
  type: string;
  value: string;
  purpose: string;
  mark: Mark;
  found: string[];
}
export interface Records {
  records: DnsRecord[];
  notes: string[];
}
export interface List {
  address: string;
  name: string;
  language: string;
  posting: "anyone" | "members" | "owners" | "named";
  others: string;
  moderated: boolean;
  joining: "closed" | "open" | "ask";
  audience: "named" | "domain" | "everyone" | "admins";
  replies: "author" | "list";
  members: number;
  held: number;
}
export interface ListDetail extends List {
  archive: string;
  people: { address: string; member: boolean; owner: boolean; mayPost: boolean; suspended: boolean; bounces: number }[];
  posts: { number: number; author: string; subject: string; receivedAt: number; trace: string }[];
}
export type SendWord = "no" | "as" | "behalf";
export interface Shared {
  address: string;
  name: string;
  quota: number;
  used: number;
  emails: number;
  members: { member: string; rights: string; send: SendWord }[];
  handedOverTo: string;
  until: number;
}
export interface HandedOver {
  address: string;
  to: string;
  until: number;
  steps: string[];
}
export interface Queued {
  id: number;
  trace: string;
  sender: string;
  receivedAt: number;
  expiresAt: number;
  recipients: {
    address: string;
    destination: string;
    held: boolean;
    attempts: number;
    nextAt: number;
    answer: string;
    status: string;
    remote: string;
  }[];
}
export interface Destination {
  destination: string;
  waiting: number;
  held: number;
  failures: number;
  nextAt: number;
  succeededAt: number;
  failedAt: number;
  status: string;
  reply: string;
  remote: string;
}
export interface Rule {
  id: number;
  sender: string;
  recipient: string;
  destination: string;
  reason: string;
}
export interface Freeze {
  address: string;
  since: number;
  until: number | null;
  held: number;
  peer: string;
  seen: string[];
}
export interface Step {
  at: number;
  kind: string;
  about: string;
  text: string;
  advice: string;
  facts: Record<string, string>;
}
export interface Road {
  trace: string;
  at: number;
  sender: string;
  subject: string;
  messageId: string;
  steps: Step[];
}
export interface Day {
  at: number;
  good: number;
  bad: number;
}
export interface Dmarc {
  domain: string;
  days: number;
  organizations: number;
  policy: string;
  messages: number;
  passed: number;
  sentences: string[];
  failing: { address: string; messages: number; signer: string; envelope: string; refused: number; junked: number }[];
  byDay: Day[];
}
export interface Complaints {
  domain: string;
  complaints: { address: string; receivedAt: number; trace: string; sentence: string }[];
  advice: string;
}
export interface Tls {
  domain: string;
  good: number;
  bad: number;
  reports: { organization: string; receivedAt: number; good: number; bad: number; sentences: string[] }[];
  byDay: Day[];
}
export interface Point {
  at: number;
  value: number;
}
export interface Token {
  id: number;
  address: string;
  name: string;
  use: "read" | "full" | "send";
  usedAt: number;
  senders: string[];
}
export interface Webhook {
  id: number;
  url: string;
  events: string[];
  enabled: boolean;
  toldAt: number;
  failingSince: number;
  switchedOffAt: number;
  problem: string;
}
export interface Telling {
  id: string;
  kind: string;
  at: number;
  dueAt: number;
  attempts: number;
  triedAt: number;
  status: number;
  problem: string;
  body: string;
}
export interface Alert {
  id: number;
  kind: string;
  text: string;
  advice: string;
  openedAt: number;
}
export interface Dashboard {
  step: number;
  now: {
    storage: number;
    emails: number;
    accounts: number;
    queueDue: number;
    queueWaiting: number;
    queueHeld: number;
    queueFailing: number;
    frozen: number;
  };
  series: Record<string, Point[]>;
}
export interface Finding {
  subject: string;
  check: string;
  severity: "ok" | "warning" | "problem";
  what: string;
  why: string;
  do: string;
}
export interface Change {
  id: number;
  at: number;
  who: string;
  via: string;
  peer: string;
  action: string;
  subject: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
  undoes: number;
  undoneBy: number;
  reversible: boolean;
  whyNot: string;
}
export interface Backup {
  target: string;
  time: string;
  encrypted: boolean;
  lastGood: number;
  verifiedAt: number;
  running: boolean;
  problem: string;
  runs: { id: number; startedAt: number; endedAt: number; snapshot: string; messages: number; verifiedAt: number; problem: string }[];
}
export interface Certificate {
  names: string[];
  notBefore: number;
  notAfter: number;
  selfSigned: boolean;
  automatic: boolean;
}
export interface Installation {
  hostname: string;
  language: string;
  settings: { heading: string; name: string; value: unknown; isDefault: boolean; reloads: boolean; text: string }[];
  listeners: {
    service: string;
    host: string;
    port: number;
    networks: string[];
    sender: string;
    recipients: string[];
    messagesPerHour: number;
  }[];
  certificates: Certificate[];
}
