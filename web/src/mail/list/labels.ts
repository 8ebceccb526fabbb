// Labels are keywords that no standard gives a meaning to. The server keeps a name and a colour for those
// that were made as labels (the type Label, docs/design/jmap.md); others are called as they are.
import type { EmailHead, Label, SetAnswer } from "../../lib/jmap/types";
import { mail } from "../state/mail.svelte";

const KNOWN = "merpati.labels";
export const COLORS = ["gray", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"] as const;
export type Color = (typeof COLORS)[number];

export function labelsOf(email: Pick<EmailHead, "keywords">): string[] {
  return Object.keys(email.keywords).filter((one) => !one.startsWith("$") && one !== "nonjunk" && one !== "junk");
}

export function nameOf(keyword: string): string {
  return mail.labels.find((one) => one.keyword === keyword)?.name ?? keyword;
}

/** Empty for a keyword without a label. */
export function colorOf(keyword: string): Color | "" {
  return mail.labels.find((one) => one.keyword === keyword)?.color ?? "";
}

/** Labels of the account, and keywords that have been seen in this browser, for choosing from. */
export function knownLabels(emails: Iterable<Pick<EmailHead, "keywords">>): string[] {
  const found = new Set(JSON.parse(localStorage.getItem(KNOWN) ?? "[]") as string[]);
  for (const one of emails) for (const name of labelsOf(one)) found.add(name);
  localStorage.setItem(KNOWN, JSON.stringify([...found].slice(0, 200)));
  for (const one of mail.labels) found.add(one.keyword);
  return [...found].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

/** What a typed name is as a keyword (RFC 8621 4.1.1); "" when nothing is left of it. */
export function asKeyword(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[^!#$&'+,\-./0-9:;<=>?@a-z[^_`|}~]/g, "")
    .replace(/^\$+/, "")
    .slice(0, 100);
}

/** The keyword for a new label: of its name, or any, when no letter of it can stand in a keyword. */
export function freshKeyword(name: string, taken: Iterable<string>): string {
  const has = new Set(taken);
  const base = asKeyword(name) || "label";
  for (let n = 1; ; n++) {
    const keyword = n === 1 ? base : `${base}-${n}`;
    if (!has.has(keyword)) return keyword;
  }
}

/** The label that a name means: one of that name, else a new one. */
export async function labelNamed(name: string): Promise<string> {
  const wanted = name.trim();
  const found = mail.labels.find((one) => one.name.toLowerCase() === wanted.toLowerCase() || one.keyword === wanted.toLowerCase());
  if (found !== undefined) return found.keyword;
  const keyword = freshKeyword(wanted, mail.labels.map((one) => one.keyword));
  const color = COLORS[1 + (mail.labels.length % (COLORS.length - 1))] ?? "gray";
  await setLabels({ create: { made: { keyword, name: wanted, color } } });
  return keyword;
}

/** Label/set. Throws when the server refuses. */
export async function setLabels(what: { create?: Record<string, Omit<Label, "id">>; update?: Record<string, Partial<Label>>; destroy?: string[] }): Promise<void> {
  const answer = await mail.jmap?.call<SetAnswer>("Label/set", { accountId: mail.account, ...what });
  const refused = [answer?.notCreated, answer?.notUpdated, answer?.notDestroyed].flatMap((one) => Object.values(one ?? {}))[0];
  if (refused !== undefined) throw new Error(refused.description ?? refused.type);
  await mail.loadLabels();
}
