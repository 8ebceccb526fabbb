// Labels are keywords that no standard gives a meaning to.
import type { EmailHead } from "../../lib/jmap/types";

const KNOWN = "merpati.labels";

export function labelsOf(email: Pick<EmailHead, "keywords">): string[] {
  return Object.keys(email.keywords).filter((one) => !one.startsWith("$") && one !== "nonjunk" && one !== "junk");
}

/** Labels that have been seen in this browser, for choosing from. */
export function knownLabels(emails: Iterable<Pick<EmailHead, "keywords">>): string[] {
  const found = new Set(JSON.parse(localStorage.getItem(KNOWN) ?? "[]") as string[]);
  for (const one of emails) for (const name of labelsOf(one)) found.add(name);
  const all = [...found].sort();
  localStorage.setItem(KNOWN, JSON.stringify(all.slice(0, 200)));
  return all;
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
