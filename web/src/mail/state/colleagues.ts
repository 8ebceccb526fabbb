// The people and shared mailboxes of one's own organisation, as the server names them to those who may
// share with them (RFC 9670): whom one may mean while typing, and whose names strangers must not use.
import type { GetAnswer, Id } from "../../lib/jmap/types";
import { mail } from "./mail.svelte";

export interface Principal {
  id: Id;
  name: string;
  /** null: everybody in a domain, which is its name. */
  email: string | null;
}
export interface Colleague {
  name: string;
  email: string;
}

const FRESH = 10 * 60_000; // ms for which what was told is not asked for again
const MOST = 500; // of an organisation
let asked = 0;
let found: Promise<Principal[]> = Promise.resolve([]);

/** All of them, by their names. Throws without a connection. */
export function principals(): Promise<Principal[]> {
  if (Date.now() - asked < FRESH) return found;
  asked = Date.now();
  found = ask();
  found.catch(() => (asked = 0));
  return found;
}

/** Those that can be written to; none without a connection. */
export async function colleagues(): Promise<Colleague[]> {
  const all = await principals().catch(() => []);
  return all.flatMap(({ name, email }) => (email === null ? [] : [{ name, email }]));
}

async function ask(): Promise<Principal[]> {
  const { jmap } = mail;
  if (jmap === null) throw new Error("offline");
  const sort = [{ property: "name", isAscending: true }];
  const query = jmap.call<{ ids: Id[] }>("Principal/query", { accountId: jmap.account, sort, limit: MOST });
  const { list } = await jmap.call<GetAnswer<Principal>>("Principal/get", {
    accountId: jmap.account,
    "#ids": query.at("/ids"),
    properties: ["name", "email"],
  });
  return list.map(({ id, name, email }) => ({ id, name: name === email ? "" : name, email: email?.toLowerCase() ?? null }));
}

/** A text as people compare names: without case, marks and gaps. */
export function alike(text: string): string {
  return text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/\s+/g, " ").trim();
}
