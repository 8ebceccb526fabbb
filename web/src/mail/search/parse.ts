// What is typed into the search field, as words and conditions: from:ani before:2026-01-01 "a phrase".
import type { Id, Label, Mailbox } from "../../lib/jmap/types";

export interface Token {
  /** "" for words. */
  key: string;
  value: string;
  /** Where it stands in the text. */
  start: number;
  end: number;
}

export const KEYS = ["from", "to", "cc", "subject", "in", "has", "is", "before", "after", "larger", "smaller", "label"] as const;
// In both languages, whatever the page speaks.
const SAME: Record<string, string> = {
  dari: "from",
  kepada: "to",
  ke: "to",
  perihal: "subject",
  subjek: "subject",
  di: "in",
  ada: "has",
  adalah: "is",
  sebelum: "before",
  sesudah: "after",
  setelah: "after",
  tag: "label",
  keyword: "label",
};
const TOKEN = /(?:([\p{L}]{2,12}):)?(?:"([^"]*)"?|(\S+))/gu;

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [whole, key = "", quoted, bare = ""] = match;
    const lower = key.toLowerCase();
    const known = SAME[lower] ?? lower;
    const isKey = (KEYS as readonly string[]).includes(known);
    const value = quoted ?? bare;
    if (key !== "" && !isKey) found.push({ key: "", value: whole.replaceAll('"', ""), start: match.index, end: match.index + whole.length });
    else if (value !== "" || isKey) found.push({ key: known, value, start: match.index, end: match.index + whole.length });
  }
  return found;
}

export function without(text: string, token: Token): string {
  return `${text.slice(0, token.start)}${text.slice(token.end)}`.replace(/\s+/g, " ").trim();
}

export function written(key: string, value: string): string {
  const quoted = /\s/.test(value) ? `"${value}"` : value;
  return key === "" ? quoted : `${key}:${quoted}`;
}

type Condition = Record<string, unknown>;
export type Filter = Condition | { operator: "AND"; conditions: Condition[] };

/** The filter of Email/query (RFC 8621 4.4.1); what makes no sense is looked for as words. */
export function filter(text: string, mailboxes: Mailbox[], labels: Label[] = []): Filter {
  const all = tokens(text).map((one) => condition(one, mailboxes, labels));
  const hidden = mailboxes.filter((one) => one.role === "junk" || one.role === "trash").map((one) => one.id);
  if (hidden.length > 0 && !all.some((one) => "inMailbox" in one)) all.push({ inMailboxOtherThan: hidden });
  const words = all.filter((one) => "text" in one).map((one) => String(one["text"]));
  const rest = all.filter((one) => !("text" in one));
  if (words.length > 0) rest.unshift({ text: words.join(" ") });
  return rest.length === 1 ? (rest[0] as Condition) : { operator: "AND", conditions: rest };
}

function condition({ key, value }: Token, mailboxes: Mailbox[], labels: Label[]): Condition {
  const word = value.toLowerCase();
  const words: Condition = { text: key === "" ? value : `${key} ${value}`.trim() };
  switch (key) {
    case "from":
    case "to":
    case "cc":
    case "subject":
      return value === "" ? words : { [key]: value };
    case "in": {
      const box = named(word, mailboxes);
      return box === null ? words : { inMailbox: box };
    }
    case "has":
      return ["attachment", "attachments", "lampiran", "file"].includes(word) ? { hasAttachment: true } : words;
    case "is":
      return IS[word] ?? words;
    case "label":
      return value === "" ? words : { hasKeyword: labels.find((one) => one.name.toLowerCase() === word)?.keyword ?? word };
    case "before":
    case "after": {
      const date = day(value);
      return date === null ? words : { [key]: date };
    }
    case "larger":
    case "smaller": {
      const bytes = size(value);
      return bytes === null ? words : { [key === "larger" ? "minSize" : "maxSize"]: bytes };
    }
    default:
      return words;
  }
}

const UNREAD: Condition = { notKeyword: "$seen" };
const STARRED: Condition = { hasKeyword: "$flagged" };
const IS: Record<string, Condition> = {
  unread: UNREAD,
  belum: UNREAD,
  "belum-dibaca": UNREAD,
  read: { hasKeyword: "$seen" },
  dibaca: { hasKeyword: "$seen" },
  starred: STARRED,
  flagged: STARRED,
  berbintang: STARRED,
  answered: { hasKeyword: "$answered" },
  dijawab: { hasKeyword: "$answered" },
  draft: { hasKeyword: "$draft" },
};

function named(word: string, mailboxes: Mailbox[]): Id | null {
  const byRole = mailboxes.find((one) => one.role === word || (word === "spam" && one.role === "junk"));
  const byName = mailboxes.find((one) => one.name.toLowerCase() === word);
  return (byName ?? byRole ?? mailboxes.find((one) => one.name.toLowerCase().startsWith(word)))?.id ?? null;
}

/** 2026, 2026-03, 2026-03-09 or 9/3/2026, as the first moment of it here. */
export function day(text: string): string | null {
  const iso = /^(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?$/.exec(text);
  const local = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/.exec(text);
  const [year, month, date] = iso
    ? [Number(iso[1]), Number(iso[2] ?? 1), Number(iso[3] ?? 1)]
    : local
      ? [Number(local[3]), Number(local[2]), Number(local[1])]
      : [0, 0, 0];
  if (year < 1970 || month < 1 || month > 12 || date < 1 || date > 31) return null;
  return new Date(year, month - 1, date).toISOString().replace(/\.\d+Z$/, "Z");
}

export function size(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)b?$/i.exec(text);
  if (match === null) return null;
  const factor = { "": 1, k: 1e3, m: 1e6, g: 1e9 }[match[2]?.toLowerCase() ?? ""] ?? 1;
  return Math.round(Number(match[1]) * factor);
}
