// What can be said about who sent a message, from the fields that our own server wrote.
import type { Email } from "../../lib/jmap/types";

export interface Verdict {
  kind: "passed" | "failed" | "unknown";
  domain: string;
  detail: string;
}

/** By the topmost Authentication-Results (RFC 8601): ours; those below it may be anybody's. */
export function verdict(email: Email): Verdict | null {
  const domain = domainOf(email.from?.[0]?.email ?? "");
  const all = email["header:Authentication-Results:asText:all"];
  const ours = Array.isArray(all) && typeof all[0] === "string" ? all[0] : "";
  if (domain === "" || ours === "") return null;
  const result = /(?:^|[;\s])dmarc=(\w+)/i.exec(ours)?.[1]?.toLowerCase();
  if (result === "pass") return { kind: "passed", domain, detail: ours };
  if (result === "fail") return { kind: "failed", domain, detail: ours };
  // Without a DMARC policy: signed by, or sent from, the domain of From itself.
  const signed = [...ours.matchAll(/dkim=pass[^;]*?header\.d=([\w.-]+)/gi)].some((one) => aligned(one[1] ?? "", domain));
  const sent = [...ours.matchAll(/spf=pass[^;]*?smtp\.mailfrom=(?:[^@;\s]*@)?([\w.-]+)/gi)].some((one) => aligned(one[1] ?? "", domain));
  return { kind: signed || sent ? "passed" : "unknown", domain, detail: ours };
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1).toLowerCase();
}

function aligned(a: string, b: string): boolean {
  return organisation(a.toLowerCase()) === organisation(b);
}

const SECOND = /^(?:co|com|net|org|or|ac|go|gov|edu|sch|web|my|mil|desa|biz|ne|gob|gouv|ltd|plc|me)$/;

/** The part of a name that somebody registered: two labels, three below co.id and its like. */
export function organisation(domain: string): string {
  const labels = domain.split(".");
  const take = labels.length > 2 && (labels.at(-1) ?? "").length === 2 && SECOND.test(labels.at(-2) ?? "") ? 3 : 2;
  return labels.slice(-take).join(".");
}

const TWINS: [RegExp, string][] = [
  [/rn/g, "m"],
  [/vv/g, "w"],
  [/cl/g, "d"],
  [/[0о]/g, "o"],
  [/[1íìıіl|]/g, "i"],
  [/[3её]/g, "e"],
  [/[5ѕ]/g, "s"],
  [/[аàáâä]/g, "a"],
  [/[рρ]/g, "p"],
  [/[сϲ]/g, "c"],
  [/[хχ]/g, "x"],
  [/[уγ]/g, "y"],
  [/-/g, ""],
];

function plain(name: string): string {
  let made = name.normalize("NFKD").replace(/\p{M}/gu, "");
  for (const [pattern, to] of TWINS) made = made.replace(pattern, to);
  return made;
}

/** The domain of ours that another one only looks like; null when it does not. */
export function looksLike(domain: string, ours: string[]): string | null {
  const theirs = organisation(domain);
  for (const one of ours) {
    const own = organisation(one);
    if (theirs === own) return null;
  }
  for (const one of ours) {
    const own = organisation(one);
    const [a, b] = [plain(theirs), plain(own)];
    if (a === b || (b.length > 5 && distance(a, b) === 1)) return own;
    const name = own.split(".")[0] ?? "";
    if (name.length > 4 && theirs.split(".")[0]?.split("-").includes(name)) return own;
  }
  return null;
}

/** Letters to change, leave out or add; more than one counts as two. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 1) return 2;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const left = Math.max(a.length, b.length) - start - end;
  if (left <= 1) return left;
  // Two neighbours changed places.
  const x = a.slice(start, a.length - end);
  return left === 2 && x === [...b.slice(start, b.length - end)].reverse().join("") ? 1 : 2;
}
