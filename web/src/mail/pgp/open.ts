// Judging signatures and decrypting: what a message turns out to be.
import type { PublicKey } from "openpgp";
import { addresses, openpgp, type Keys, type OpenPgp } from "./keys";
import { canonical, characters, content, octets, parse, type Part } from "./mime";

export type Verdict =
  | { state: "good"; who: string[]; fingerprint: string }
  | { state: "unknown"; id: string }
  | { state: "bad" }
  | { state: "none" };

export interface Opened {
  /** What was decrypted, as a message of its own; null: nothing was. */
  root: Part | null;
  verdict: Verdict;
}

type Signatures = Awaited<ReturnType<OpenPgp["verify"]>>["signatures"];

async function judged(found: Signatures, keys: PublicKey[]): Promise<Verdict> {
  let unknown = "";
  for (const one of found) {
    const signer = keys.find((key) => key.getKeys(one.keyID).length > 0);
    if (signer === undefined) {
      unknown = one.keyID.toHex().toUpperCase();
      continue;
    }
    try {
      await one.verified;
      return { state: "good", who: addresses(signer), fingerprint: signer.getFingerprint() };
    } catch {
      return { state: "bad" };
    }
  }
  return unknown === "" ? { state: "none" } : { state: "unknown", id: unknown };
}

async function known(keys: Keys, from: string): Promise<PublicKey[]> {
  return [await keys.of(from)].filter((one) => one !== null);
}

/** The signature of a multipart/signed (RFC 3156 5). */
export async function verify(raw: Uint8Array, keys: Keys, from: string): Promise<Verdict> {
  const root = find(parse(characters(raw)), "multipart/signed");
  return root === null ? { state: "none" } : detached(root, await known(keys, from));
}

async function detached(root: Part, verificationKeys: PublicKey[]): Promise<Verdict> {
  const [signed, signature] = root.parts;
  if (signed === undefined || signature?.type !== "application/pgp-signature") return { state: "none" };
  const library = await openpgp();
  try {
    const message = await library.createMessage({ binary: octets(canonical(signed.whole)) });
    const made = await library.readSignature({ armoredSignature: content(signature) });
    const { signatures } = await library.verify({ message, signature: made, verificationKeys });
    return await judged(signatures, verificationKeys);
  } catch {
    return { state: "bad" };
  }
}

/** A text that was signed as a whole (RFC 9580 7). */
export async function verifyText(text: string, keys: Keys, from: string): Promise<Opened> {
  const library = await openpgp();
  const verificationKeys = await known(keys, from);
  try {
    const message = await library.readCleartextMessage({ cleartextMessage: text.trim() });
    const { data, signatures } = await library.verify({ message, verificationKeys });
    return { root: plain(String(data)), verdict: await judged(signatures, verificationKeys) };
  } catch {
    return { root: null, verdict: { state: "bad" } };
  }
}

/** Decrypt a multipart/encrypted (RFC 3156 4) or a text. Throws when that cannot be done. */
export async function decrypt(raw: Uint8Array | string, keys: Keys, from: string): Promise<Opened> {
  const library = await openpgp();
  const decryptionKeys = keys.ready;
  if (decryptionKeys === null) throw new Error("locked");
  let armoredMessage: string;
  if (typeof raw === "string") armoredMessage = raw.trim();
  else {
    const whole = parse(characters(raw));
    // Nothing but the whole message is decrypted: what stands around an encrypted part could lead it out.
    if (whole.type !== "multipart/encrypted" || whole.parts.length !== 2) throw new Error("not encrypted");
    armoredMessage = content(whole.parts[1] as Part);
  }
  const verificationKeys = await known(keys, from);
  const message = await library.readMessage({ armoredMessage });
  const { data, signatures } = await library.decrypt({ message, decryptionKeys, verificationKeys, format: "binary" });
  let verdict = await judged(signatures, verificationKeys);
  if (typeof raw === "string") return { root: plain(new TextDecoder().decode(data as Uint8Array)), verdict };
  const root = parse(characters(data as Uint8Array));
  if (verdict.state === "none" && root.type === "multipart/signed") verdict = await detached(root, verificationKeys);
  return { root, verdict };
}

function plain(text: string): Part {
  return parse(`Content-Type: text/plain; charset=utf-8\r\n\r\n${characters(new TextEncoder().encode(text))}`);
}

function find(part: Part, type: string): Part | null {
  if (part.type === type) return part;
  for (const one of part.parts) {
    const found = find(one, type);
    if (found !== null) return found;
  }
  return null;
}
