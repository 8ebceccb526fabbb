// A letter as a message that is signed, or encrypted and signed: made here, since the server is not to see it.
import type { PublicKey } from "openpgp";
import { download, upload } from "../../lib/jmap/blobs";
import type { Jmap } from "../../lib/jmap/client";
import type { Address, Id, SetAnswer } from "../../lib/jmap/types";
import { listed, shownImages, type Attachment, type Letter } from "../compose/letter";
import { openpgp, type Keys } from "./keys";
import { base64, canonical, leaf, multipart, octets, words } from "./mime";

export interface Imported {
  emailId: Id;
}

/** The addresses of a letter without a key. */
export async function without(keys: Keys, people: Address[]): Promise<string[]> {
  const found = await Promise.all(people.map(async ({ email }) => ((await keys.of(email, true)) === null ? email : "")));
  return found.filter((one) => one !== "");
}

/** Put a letter among the drafts, signed or encrypted. */
export async function importLetter(jmap: Jmap, account: Id, letter: Letter, drafts: Id, keys: Keys): Promise<Imported> {
  const message = await written(letter, await inner(jmap, account, letter), keys);
  const file = new Blob([octets(message)], { type: "message/rfc822" });
  const { blobId } = await upload(jmap, account, file);
  const answer = await jmap.call<SetAnswer>("Email/import", {
    accountId: account,
    emails: { made: { blobId, mailboxIds: { [drafts]: true }, keywords: { $draft: true, $seen: true } } },
  });
  const refused = answer.notCreated?.["made"];
  if (refused !== undefined) throw new Error(refused.description ?? refused.type);
  return { emailId: String(answer.created?.["made"]?.["id"] ?? "") };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(canonical(text));

/** What is protected: the text and the files, as a part of MIME. */
async function inner(jmap: Jmap, account: Id, letter: Letter): Promise<string> {
  const file = async (one: Attachment & { blobId: Id }): Promise<string> => {
    const data = new Uint8Array(await (await download(jmap, account, one.blobId)).arrayBuffer());
    const name = words(one.name).replace(/["\\]/g, "\\$&");
    const cid = one.cid === null ? "" : `Content-ID: <${one.cid}>\r\n`;
    const how = one.cid === null ? "attachment" : "inline";
    return leaf(one.type || "application/octet-stream", data, `Content-Disposition: ${how}; filename="${name}"\r\n${cid}`);
  };
  const ready = (one: Attachment): one is Attachment & { blobId: Id } => one.blobId !== null;
  let body = leaf("text/plain; charset=utf-8", utf8(letter.text));
  if (letter.isRich) {
    let html = leaf("text/html; charset=utf-8", utf8(`<!doctype html><html><body>${letter.html}</body></html>`));
    const images = await Promise.all(shownImages(letter).filter(ready).map(file));
    if (images.length > 0) html = multipart("multipart/related", [html, ...images]);
    body = multipart("multipart/alternative", [body, html]);
  }
  const files = await Promise.all(listed(letter).filter(ready).map(file));
  return files.length > 0 ? multipart("multipart/mixed", [body, ...files]) : body;
}

/** The whole message (RFC 3156), its header fields within what is signed or encrypted (RFC 9788). */
export async function written(letter: Letter, part: string, keys: Keys): Promise<string> {
  const library = await openpgp();
  const signingKeys = keys.ready;
  if (signingKeys === null) throw new Error("locked");
  const own = signingKeys.toPublic();
  const isSealed = letter.protect === "encrypt";
  const fields = named(letter);
  const outer = isSealed ? fields.map(([name, value]): Field => [name, name === "Subject" ? HIDDEN : value]) : fields;
  const payload = guarded(part, fields, isSealed ? outer : null);
  let body: string;
  if (isSealed) {
    const people = [...letter.to, ...letter.cc, ...letter.bcc];
    const found = await Promise.all(people.map(({ email }) => keys.of(email, true)));
    if (found.includes(null)) throw new Error("a key is missing");
    const message = await library.createMessage({ binary: octets(payload) });
    const encryptionKeys = [...(found as PublicKey[]), own];
    const sealed = await library.encrypt({ message, encryptionKeys, signingKeys, format: "armored" });
    const version = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n";
    const data = `Content-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n${canonical(String(sealed))}`;
    body = multipart("multipart/encrypted", [version, data], ' protocol="application/pgp-encrypted";');
  } else {
    // The line end before the boundary is not signed (RFC 3156 5).
    const signed = payload.replace(/\r\n$/, "");
    const message = await library.createMessage({ binary: octets(signed) });
    const signature = await library.sign({ message, signingKeys, detached: true, format: "armored", config: { preferredHashAlgorithm: library.enums.hash.sha512 } });
    const made = `Content-Type: application/pgp-signature; name="signature.asc"\r\n\r\n${canonical(String(signature))}`;
    body = multipart("multipart/signed", [signed, made], ' micalg="pgp-sha512"; protocol="application/pgp-signature";');
  }
  const key = base64(own.write() as Uint8Array).replaceAll("\r\n", "\r\n ");
  return header([...outer, ["Bcc", people(letter.bcc)], ["Autocrypt", `addr=${letter.from.email}; prefer-encrypt=mutual; keydata=\r\n ${key}`], ["MIME-Version", "1.0"]]) + body;
}

type Field = [name: string, value: string];
const HIDDEN = "[...]"; // what RFC 9788 3.2.1 puts in place of a subject

/** Those that others are to see as they were written; Bcc is no part of what all can decrypt. */
function named(letter: Letter): Field[] {
  const domain = letter.from.email.split("@")[1] ?? "localhost";
  const fields: Field[] = [
    ["From", people([letter.from])],
    ["To", people(letter.to)],
    ["Cc", people(letter.cc)],
    ["Reply-To", people(letter.replyTo)],
    ["Subject", words(letter.subject)],
    ["Date", new Date().toUTCString().replace("GMT", "+0000")],
    ["Message-ID", `<${crypto.randomUUID()}@${domain}>`],
    ["In-Reply-To", letter.inReplyTo.map((one) => `<${one}>`).join("\r\n ")],
    ["References", letter.references.map((one) => `<${one}>`).join("\r\n ")],
  ];
  return fields.filter(([, value]) => value !== "");
}

/** A part with the header fields of its message; where it is encrypted, with what stands outside of them, too. */
function guarded(part: string, fields: Field[], outer: Field[] | null): string {
  // `protected-headers` is what programs before RFC 9788 look for.
  const how = `; protected-headers="v1"; hp="${outer === null ? "clear" : "cipher"}"`;
  const seen = (outer ?? []).map(([name, value]): Field => ["HP-Outer", `${name}: ${value}`]);
  return header([...fields, ...seen]) + part.replace(/^Content-Type: [^;\r\n]+/, `$&${how}`);
}

function header(fields: Field[]): string {
  return fields.filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value.replace(/[\r\n]+(?! )/g, " ")}\r\n`).join("");
}

function people(all: Address[]): string {
  return all
    .map(({ name, email }) => {
      if (!name) return email;
      const said = words(name);
      return `${said === name ? `"${name.replace(/["\\]/g, "\\$&")}"` : said} <${email}>`;
    })
    .join(",\r\n ");
}

