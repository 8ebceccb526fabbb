// The people and shared mailboxes of one's own organisation, as the server names them to those who may
// share with them (RFC 9670): whom one may mean while typing, and whose names strangers must not use.
import type { GetAnswer, Id } from "../../lib/jmap/types";
import { mail } from "./mail.svelte";

export interface Colleague {
  name: string;
  email: string;
}

const FRESH = 10 * 60_000; // ms for which what was told is not asked for again
const MOST = 500; // of an organisation; the rest is found by its letters
let asked = 0;
let found: Promise<Colleague[]> = Promise.resolve([]);

/** All of them, by their names; none without a connection. */
export function colleagues(): Promise<Colleague[]> {
  if (Date.now() - asked < FRESH) return found;
  asked = Date.now();
  found = ask().catch(() => {
    asked = 0;
    return [];
  });
  return found;
}

async function ask(): Promise<Colleague[]> {
  const { jmap } = mail;
  if (jmap === null) throw new Error("offline");
  const sort = [{ property: "name", isAscending: true }];
  const query = jmap.call<{ ids: Id[] }>("Principal/query", { accountId: jmap.account, sort, limit: MOST });
  const { list } = await jmap.call<GetAnswer<{ id: Id; name: string; email: string | null }>>("Principal/get", {
    accountId: jmap.account,
    "#ids": query.at("/ids"),
    properties: ["name", "email"],
  });
  return list.flatMap(({ name, email }) => (email === null ? [] : [{ name: name === email ? "" : name, email: email.toLowerCase() }]));
}

/** A text as people compare names: without case, marks and gaps. */
export function alike(text: string): string {
  return text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/\s+/g, " ").trim();
}
