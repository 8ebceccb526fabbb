// What a letter is looked at for before it goes.
import type { Address } from "../../lib/jmap/types";
import { domainOf, isAddress, lookAlike } from "./addresses";
import { ownWords } from "./quote";

export type Warning =
  | { kind: "nobody" | "subject" | "attachment" | "uploading" | "empty" }
  | { kind: "invalid" | "outside"; addresses: string[] }
  | { kind: "lookalike"; address: string; like: string };

/** Those that stop the letter; the others ask. */
export const STOPS: ReadonlySet<Warning["kind"]> = new Set(["nobody", "invalid", "uploading"]);

export interface Looked {
  recipients: readonly Address[];
  subject: string;
  /** The text of the letter, with its quotations marked by ">". */
  text: string;
  attachments: number;
  uploading: boolean;
  /** Domains of the writer's organisation. */
  inside: ReadonlySet<string>;
  /** Addresses that were written to before, in lower case. */
  known: ReadonlySet<string>;
}

// Words that promise an attachment, in English and Indonesian. A word of each is enough.
const PROMISES =
  /(?<![\p{L}])(?:attach(?:ed|ing|ment|ments)?|enclos(?:ed|ing)|ter?lampir(?:kan)?|lampiran(?:nya)?|(?:me|di)?lampir(?:kan)?|berkas(?:nya)? (?:berikut|ini)|(?:berikut|bersama ini|ini) (?:saya |kami |adalah )?(?:kirim(?:kan)? |sertakan )?(?:berkas|file|dokumen|fotonya|filenya))(?![\p{L}])/iu;
const NOT_PROMISES = /(?:no|without|tanpa|tidak ada) (?:any )?(?:attachments?|lampiran)/giu;

export function promisesAttachment(subject: string, text: string): boolean {
  return PROMISES.test(`${subject}\n${ownWords(text)}`.replace(NOT_PROMISES, ""));
}

/** What there is to warn of, what stops the letter first. */
export function warnings(letter: Looked): Warning[] {
  const found: Warning[] = [];
  const { recipients, inside, known } = letter;
  const invalid = recipients.filter(({ email }) => !isAddress(email)).map(({ email }) => email);
  if (recipients.length === 0) found.push({ kind: "nobody" });
  if (invalid.length > 0) found.push({ kind: "invalid", addresses: invalid });
  if (letter.uploading) found.push({ kind: "uploading" });
  const domains = new Set([...inside, ...Array.from(known, domainOf)]);
  const alike = new Set<string>();
  for (const { email } of recipients) {
    if (known.has(email.toLowerCase()) || !isAddress(email)) continue;
    const like = lookAlike(domainOf(email), domains);
    if (like === null) continue;
    alike.add(email);
    found.push({ kind: "lookalike", address: email, like });
  }
  const strangers = recipients.map(({ email }) => email).filter(
    (email) => isAddress(email) && !alike.has(email) && !inside.has(domainOf(email)) && !known.has(email.toLowerCase()),
  );
  if (strangers.length > 0 && inside.size > 0) found.push({ kind: "outside", addresses: strangers });
  if (letter.attachments === 0 && promisesAttachment(letter.subject, letter.text)) found.push({ kind: "attachment" });
  if (letter.subject.trim() === "") found.push({ kind: "subject" });
  if (letter.subject.trim() === "" && ownWords(letter.text).trim() === "" && letter.attachments === 0) found.push({ kind: "empty" });
  return found;
}
