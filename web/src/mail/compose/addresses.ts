// Addresses as people type and paste them, and domains that only look like others.
import type { Address } from "../../lib/jmap/types";

const MAILBOX = /^[^\s@<>()[\]\\,;:"]+@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)*[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;
const SPECIALS = /[^\p{L}\p{N}!#$%&'*+/=?^_`{|}~ -]/u;

/** Whether mail can be sent there, as far as its form says. */
export function isAddress(email: string): boolean {
  return email.length <= 254 && email.lastIndexOf("@") <= 64 && MAILBOX.test(email);
}

export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf("@") + 1).toLowerCase();
}

export function format({ name, email }: Address): string {
  if (!name) return email;
  return `${SPECIALS.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name} <${email}>`;
}

/** What is shown of somebody where there is room for a name only. */
export function shortly({ name, email }: Address): string {
  return name?.trim() || email;
}

/** Addresses in a text: `Name <a@b.c>, "N, N" <d@e.f>; g@h.i`, or one in each line. */
export function parseAddresses(text: string): Address[] {
  return pieces(text).map(parseOne).filter((one) => one.email !== "");
}

function pieces(text: string): string[] {
  const found: string[] = [];
  let piece = "";
  let quoted = false;
  let depth = 0;
  for (const part of text.match(/\\.|["<>,;\n\r\t]|[^\\"<>,;\n\r\t]+|\\/g) ?? []) {
    if (part === '"') quoted = !quoted;
    else if (!quoted && part === "<") depth = 1;
    else if (!quoted && part === ">") depth = 0;
    if (!quoted && depth === 0 && /^[,;\n\r\t]$/.test(part)) {
      found.push(piece);
      piece = "";
    } else piece += part;
  }
  found.push(piece);
  // Several bare addresses with only spaces between them are several.
  return found.flatMap((one) => (/^\s*[^\s@<"]+@[^\s@<"]+(\s+[^\s@<"]+@[^\s@<"]+)+\s*$/.test(one) ? one.trim().split(/\s+/) : [one]));
}

function parseOne(text: string): Address {
  const angle = /^([^]*?)<([^<>]*)>[^<>]*$/.exec(text);
  const email = (angle?.[2] ?? text).trim().replace(/^mailto:/i, "");
  const named = (angle?.[1] ?? "").trim().replace(/^"([^]*)"$/, "$1").replace(/\\(.)/g, "$1").trim();
  return { name: named === "" || named === email ? null : named, email };
}

/** Each address once, in the order in which it comes first. */
export function once(addresses: readonly Address[], but: Iterable<string> = []): Address[] {
  const seen = new Set([...but].map((email) => email.toLowerCase()));
  return addresses.filter(({ email }) => {
    const key = email.toLowerCase();
    if (email === "" || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

// Letters of other scripts, and signs, that look like a Latin one; and pairs that look like one.
const LIKE: Record<string, string> = {
  а: "a", в: "b", с: "c", ԁ: "d", е: "e", һ: "h", н: "h", і: "i", ј: "j", к: "k", ӏ: "l", м: "m", о: "o",
  р: "p", ԛ: "q", ѕ: "s", т: "t", у: "y", ѵ: "v", ԝ: "w", х: "x", α: "a", β: "b", ε: "e", ι: "i", κ: "k",
  ν: "v", ο: "o", ρ: "p", τ: "t", υ: "u", χ: "x", ı: "i", ł: "l", ø: "o", đ: "d", ɡ: "g", "0": "o", "1": "l",
  "3": "e", "5": "s",
};

/** What a domain looks like: the same for those that are easily mistaken for each other. */
export function skeleton(domain: string): string {
  const labels = domain.toLowerCase().split(".").map((label) => (label.startsWith("xn--") ? punycode(label.slice(4)) : label));
  const plain = labels.join(".").normalize("NFKD").replace(/\p{M}/gu, "");
  const letters = Array.from(plain, (letter) => LIKE[letter] ?? letter).join("");
  return letters.replace(/rn/g, "m").replace(/vv/g, "w").replace(/cl/g, "d").replace(/i/g, "l");
}

/** The known domain that a stranger only looks like; null when it is known or like none. */
export function lookAlike(domain: string, known: Iterable<string>): string | null {
  const looked = domain.toLowerCase();
  const shape = skeleton(looked);
  let found: string | null = null;
  for (const one of known) {
    if (one === looked || looked.endsWith(`.${one}`)) return null;
    if (found === null && one.length >= 4 && (skeleton(one) === shape || (one.length >= 6 && isNear(looked, one)) || sharesLabel(looked, one)))
      found = one;
  }
  return found;
}

/** One letter more, less or other, or two swapped. */
export function isNear(one: string, other: string): boolean {
  const [short, long] = one.length > other.length ? [other, one] : [one, other];
  let at = 0;
  while (at < short.length && short[at] === long[at]) at++;
  if (short.length + 1 < long.length) return false;
  if (short.length < long.length) return short.slice(at) === long.slice(at + 1);
  return short.slice(at + 1) === long.slice(at + 1) ||
    (short.slice(at + 2) === long.slice(at + 2) && short[at] === long[at + 1] && short[at + 1] === long[at]);
}

/** `contoh.example.net` for `contoh.example`, `contoh-id.example` for `contoh.id`. */
function sharesLabel(domain: string, known: string): boolean {
  return domain.startsWith(`${known}.`) || domain.startsWith(`${known.replaceAll(".", "-")}.`);
}

/** RFC 3492; what does not decode is left as it is. */
function punycode(input: string): string {
  const dash = input.lastIndexOf("-");
  const out = dash > 0 ? Array.from(input.slice(0, dash), (letter) => letter.codePointAt(0) ?? 0) : [];
  let n = 128;
  let i = 0;
  let bias = 72;
  for (let at = dash > 0 ? dash + 1 : 0; at < input.length; ) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = "abcdefghijklmnopqrstuvwxyz0123456789".indexOf(input[at++] ?? "");
      if (digit < 0) return input;
      i += digit * weight;
      const limit = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < limit) break;
      weight *= 36 - limit;
    }
    const count = out.length + 1;
    let delta = before === 0 ? Math.floor((i - before) / 700) : Math.floor((i - before) / 2);
    delta += Math.floor(delta / count);
    for (bias = 0; delta > 455; bias += 36) delta = Math.floor(delta / 35);
    bias += Math.floor((36 * delta) / (delta + 38));
    n += Math.floor(i / count);
    i %= count;
    if (n > 0x10ffff) return input;
    out.splice(i++, 0, n);
  }
  return String.fromCodePoint(...out);
}
