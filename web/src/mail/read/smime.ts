// What the server says of a signature by certificate (RFC 9219), in the reader's language.
import { en } from "../../i18n/smime-en";
import { id } from "../../i18n/smime-id";
import type { Email } from "../../lib/jmap/types";
import { texts } from "../../lib/language.svelte";

export const t = texts({ en, id });

export interface Judged {
  kind: "ok" | "warn" | "danger" | "info";
  text: string;
}

const REASONS: [RegExp, (found: string) => string][] = [
  [/^The signature cannot be (?:read|checked): /, () => t.unreadable],
  [/^There is nothing that is signed\.$/, () => t.empty],
  [/^The signature does not belong/, () => t.notIts],
  [/^It was signed by (.*), and not by the sender\.$/, (who) => t.other(who)],
  [/^The certificate of the signer was not valid/, () => t.expired],
  [/^The certificate of the signer was issued by (.*), which is not trusted here\.$/s, (issuer) => t.untrusted(issuer)],
  [/^The certificate of the signer is not in/, () => t.missing],
  [/^It was signed with (.*), which proves nothing any more\.$/, (how) => t.weak(how)],
  [/^The message was changed/, () => t.changed],
];

/** One that has no words here stays as the server said it. */
export function reason(said: string): string {
  for (const [pattern, words] of REASONS) {
    const found = pattern.exec(said);
    if (found !== null) return words(found[1] ?? "");
  }
  return said;
}

/** The verdict in words; null for mail without S/MIME. */
export function judged(email: Email): Judged | null {
  const status = email.smimeStatus;
  const who = (email.from ?? []).map((one) => one.email).join(", ");
  if (status === "signed/verified" || status === "encrypted+signed/verified") return { kind: "ok", text: t.good(who) };
  if (status === "unknown" || status === "encrypted") return { kind: "info", text: t.sealed };
  if (typeof status !== "string") return null;
  const errors = (email.smimeErrors ?? []).map(reason);
  if (email.smimeStatusAtDelivery === "signed/verified") return { kind: "warn", text: [t.wasGood(who), ...errors].join(" ") };
  return { kind: "danger", text: [t.bad, ...errors].join(" ") };
}
