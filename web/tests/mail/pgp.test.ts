import { beforeAll, describe, expect, it } from "vitest";
import * as library from "openpgp";
import type { Keys } from "../../src/mail/pgp/keys";
import { autocryptKey, kindOf } from "../../src/mail/pgp/kind";
import { canonical, characters, content, field, fileName, meant, multipart, octets, parse, protectedSubject, shown, text, words } from "../../src/mail/pgp/mime";
import { decrypt, verify } from "../../src/mail/pgp/open";
import { written } from "../../src/mail/pgp/post";
import { place } from "../../src/mail/pgp/wkd";
import { emptyLetter } from "../../src/mail/compose/letter";

const latin = (value: string): string => characters(new TextEncoder().encode(value));

describe("MIME", () => {
  const whole = latin(
    'Content-Type: multipart/mixed; boundary="a b"\r\n\r\nbefore\r\n--a b\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9=\r\n!\r\n--a b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n" +
      '--a b\r\nContent-Type: image/png; name="x\\"y.png"\r\nContent-Disposition: attachment\r\n\r\nPNG\r\n--a b--\r\nafter',
  );
  it("is taken apart", () => {
    const root = parse(whole);
    expect(root.parts.map((one) => one.type)).toEqual(["text/plain", "text/html", "image/png"]);
    expect(text(root.parts[0]!)).toBe("café!");
    expect(content(root.parts[1]!)).toBe("<b>");
    expect(fileName(root.parts[2]!)).toBe('x"y.png');
    expect(shown(root).files).toHaveLength(1);
  });
  it("keeps the octets of its parts", () => {
    const root = parse("Content-Type: multipart/signed; boundary=x\n\n--x\nA: b\n\n one \n\n--x\n\ns\n--x--");
    expect(root.parts[0]?.whole).toBe("A: b\n\n one \n");
    expect(canonical(root.parts[0]?.whole ?? "")).toBe("A: b\r\n\r\n one \r\n");
  });
  it("takes anything", () => {
    for (const odd of ["", "\n", "x", "Content-Type: multipart/x; boundary=y\n\n--y", "Content-Type: multipart/x; boundary=\n\n--", ": \n\n:"]) expect(shown(parse(odd))).toBeDefined();
    const deep = Array.from({ length: 40 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\n\n--b${n}\n`).join("");
    expect(shown(parse(deep))).toBeDefined();
    expect(field('a/b; x="1;2"; y=3').params.get("x")).toBe("1;2");
  });
  it("is written", () => {
    expect(words("abc")).toBe("abc");
    expect(words("é".repeat(60)).split("\r\n ").every((one) => one.length <= 76)).toBe(true);
    expect(parse(multipart("multipart/mixed", ["A: b\r\n\r\nc", "\r\nd"])).parts.map((one) => one.body)).toEqual(["c", "d"]);
  });
});

describe("a protected subject", () => {
  const of = (type: string, subject: string): string | null => protectedSubject(parse(latin(`Content-Type: ${type}\r\nSubject: ${subject}\r\n\r\nx`)));
  it("is read where its writer says that it is one", () => {
    expect(of('text/plain; hp="cipher"', "Gaji")).toBe("Gaji");
    expect(of('multipart/mixed; boundary=x; protected-headers="v1"', "Gaji")).toBe("Gaji");
    expect(of("text/plain", "Gaji")).toBeNull();
  });
  it("has its words as they are meant", () => {
    expect(of("text/plain; hp=cipher", "=?utf-8?B?w6k=?= =?utf-8?Q?_caf=C3=A9?= end")).toBe("é café end");
    expect(of("text/plain; hp=cipher", "é =?nothing?B?w6k=?=")).toBe("é Ã©");
    expect(meant(words("é".repeat(60)))).toBe("é".repeat(60));
  });
});

describe("what has to do with OpenPGP", () => {
  const of = (type: string, body = ""): string | null => kindOf({ attachments: [{ type }] as never }, body);
  it("is known by its parts and its text", () => {
    expect(of("application/pgp-encrypted")).toBe("encrypted");
    expect(of("application/pgp-signature")).toBe("signed");
    expect(of("x/y", "\n-----BEGIN PGP MESSAGE-----")).toBe("inline-encrypted");
    expect(of("x/y", "-----BEGIN PGP SIGNED MESSAGE-----")).toBe("inline-signed");
    expect(of("x/y", "said: -----BEGIN PGP MESSAGE-----")).toBeNull();
  });
  it("Autocrypt is for its sender alone", () => {
    expect(autocryptKey("addr=a@b.id; prefer-encrypt=mutual; keydata= AA A=", "A@b.id")).toBe("AAA=");
    expect(autocryptKey("addr=a@b.id; keydata=AAA=", "x@b.id")).toBeNull();
    expect(autocryptKey("addr=a@b.id; critical=1; keydata=AAA=", "a@b.id")).toBeNull();
    expect(autocryptKey("addr=a@b.id; keydata=<x>", "a@b.id")).toBeNull();
  });
  it("a directory is asked as its specification has it", async () => {
    expect(await place("Joe.Doe@Example.ORG")).toBe("/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe");
  });
});

describe("a protected letter", () => {
  let keys: Keys;
  let key: library.PrivateKey;
  const from = { name: "Ani", email: "ani@a.id" };
  const budi = { name: null, email: "budi@a.id" };
  const letter = { ...emptyLetter(from, "", false), to: [budi], subject: "Rahasia ✓", text: "" };
  const part = "Content-Type: text/plain; charset=utf-8\r\n\r\nhalo \r\n- dash\r\n";

  beforeAll(async () => {
    key = (await library.generateKey({ type: "ecc", userIDs: [from], format: "object" })).privateKey;
    const other = (await library.generateKey({ type: "ecc", userIDs: [{ email: budi.email }], format: "object" })).publicKey;
    keys = { ready: key, of: async (email: string) => (email === from.email ? key.toPublic() : email === budi.email ? other : null) } as unknown as Keys;
  });

  it("is encrypted for the recipient and for oneself, and signed", async () => {
    const whole = octets(await written({ ...letter, protect: "encrypt" }, part, keys));
    expect(characters(whole)).not.toContain("halo");
    const { root, verdict } = await decrypt(whole, keys, from.email);
    expect(root?.body).toBe("halo \r\n- dash\r\n");
    expect(verdict.state).toBe("good");
  });
  it("says what it is about to those alone who can decrypt it (RFC 9788)", async () => {
    const whole = parse(await written({ ...letter, protect: "encrypt" }, part, keys));
    expect(whole.headers.get("subject")).toBe("[...]");
    const { root } = await decrypt(octets(whole.whole), keys, from.email);
    expect(root?.params.get("hp")).toBe("cipher");
    expect(root === null ? "" : protectedSubject(root)).toBe("Rahasia ✓");
    expect(root?.headers.get("message-id")).toBe(whole.headers.get("message-id"));
    expect(root?.whole).toContain("\r\nHP-Outer: Subject: [...]\r\n");
    expect(root?.whole).not.toContain("Bcc");
  });
  it("has its header fields signed, too", async () => {
    const whole = await written({ ...letter, protect: "sign" }, part, keys);
    const [signed] = parse(whole).parts;
    expect(signed?.params.get("hp")).toBe("clear");
    expect(meant(signed?.headers.get("subject") ?? "")).toBe("Rahasia ✓");
    expect(meant(parse(whole).headers.get("subject") ?? "")).toBe("Rahasia ✓");
  });
  it("is signed so that a change is seen", async () => {
    const whole = await written({ ...letter, protect: "sign" }, part, keys);
    expect((await verify(octets(whole), keys, from.email)).state).toBe("good");
    expect((await verify(octets(whole.replace("halo", "Halo")), keys, from.email)).state).toBe("bad");
    expect((await verify(octets(whole.replaceAll("\r\n", "\n")), keys, from.email)).state).toBe("good");
    expect((await verify(octets(whole), keys, "stranger@x.id")).state).toBe("unknown");
  });
  it("is not decrypted inside of something else", async () => {
    const whole = await written({ ...letter, protect: "encrypt" }, part, keys);
    const sealed = whole.slice(whole.indexOf("Content-Type: multipart/encrypted"));
    const efail = multipart("multipart/mixed", ['Content-Type: text/html\r\n\r\n<img src="http://x.id/', sealed, 'Content-Type: text/html\r\n\r\n">']);
    await expect(decrypt(octets(efail), keys, from.email)).rejects.toThrow("not encrypted");
  });
  it("wants the key of everybody", async () => {
    await expect(written({ ...letter, cc: [{ name: null, email: "x@y.id" }], protect: "encrypt" }, part, keys)).rejects.toThrow("missing");
  });
});
