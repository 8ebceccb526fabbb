// Whether a message has to do with OpenPGP: looked at without any of it loaded.
import type { Email } from "../../lib/jmap/types";

/** Where the signed or encrypted is: in parts of their own (RFC 3156), or in the text. */
export type Kind = "signed" | "encrypted" | "inline-signed" | "inline-encrypted";

export function kindOf(email: Pick<Email, "attachments">, text: string): Kind | null {
  const types = new Set(email.attachments.map((one) => one.type.toLowerCase()));
  if (types.has("application/pgp-encrypted")) return "encrypted";
  if (types.has("application/pgp-signature")) return "signed";
  const begins = text.trimStart();
  if (begins.startsWith("-----BEGIN PGP MESSAGE-----")) return "inline-encrypted";
  return begins.startsWith("-----BEGIN PGP SIGNED MESSAGE-----") ? "inline-signed" : null;
}

/** The key that an Autocrypt header brings, if it is the sender's: base64 (autocrypt.org, Level 1). */
export function autocryptKey(header: string | null, from: string): string | null {
  if (header === null || header.length > 20_000) return null;
  const found = new Map(header.split(";").map((one): [string, string] => {
    const at = one.indexOf("=");
    return [one.slice(0, at).trim().toLowerCase(), one.slice(at + 1).trim()];
  }));
  const unknown = [...found.keys()].some((one) => !["addr", "prefer-encrypt", "keydata"].includes(one) && !one.startsWith("_"));
  if (unknown || found.get("addr")?.toLowerCase() !== from.toLowerCase()) return null;
  const data = (found.get("keydata") ?? "").replace(/\s+/g, "");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(data) ? data : null;
}
