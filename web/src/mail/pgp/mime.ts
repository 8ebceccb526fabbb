// MIME in the browser, for what the server must not see: the parts of a signed message as they are, and
// what a decrypted one holds. Octets are held as characters (latin1), so that nothing of them changes.
export interface Part {
  /** Lower-case names; of several fields the first. */
  headers: Map<string, string>;
  /** "text/plain". */
  type: string;
  params: Map<string, string>;
  /** All of it, with its header. */
  whole: string;
  body: string;
  parts: Part[];
}

const DEPTH = 10;
const PARTS = 200;

export function octets(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n) & 255;
  return bytes;
}

export function characters(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** With the line ends that signatures are made of (RFC 3156 5). */
export function canonical(text: string): string {
  return text.replace(/\r?\n/g, "\r\n");
}

export function parse(whole: string, depth = 0): Part {
  const gap = /\r?\n\r?\n/.exec(whole);
  const first = /^\r?\n/.exec(whole);
  const head = first !== null ? "" : gap === null ? whole : whole.slice(0, gap.index);
  const body = first !== null ? whole.slice(first[0].length) : gap === null ? "" : whole.slice(gap.index + gap[0].length);
  const headers = new Map<string, string>();
  for (const line of head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  const { value, params } = field(headers.get("content-type") ?? "text/plain");
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(value) ? value : "text/plain";
  const made: Part = { headers, type, params, whole, body, parts: [] };
  const boundary = params.get("boundary");
  if (type.startsWith("multipart/") && boundary && depth < DEPTH) made.parts = split(body, boundary).map((one) => parse(one, depth + 1));
  return made;
}

/** A value with parameters, as that of Content-Type. */
export function field(text: string): { value: string; params: Map<string, string> } {
  const [value = ""] = text.split(";", 1);
  const params = new Map<string, string>();
  for (const match of text.slice(value.length).matchAll(/;\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g))
    params.set((match[1] ?? "").toLowerCase(), (match[2] ?? match[3] ?? "").replace(/\\(.)/g, "$1"));
  return { value: value.trim().toLowerCase(), params };
}

function split(body: string, boundary: string): string[] {
  const found: string[] = [];
  const line = new RegExp(`(?:^|\\r?\\n)--${boundary.replace(/[^\w]/g, "\\$&")}(--)?[ \\t]*(?=\\r?\\n|$)`, "g");
  let from = -1;
  for (const match of body.matchAll(line)) {
    if (from >= 0) found.push(body.slice(from, match.index));
    const end = match.index + match[0].length;
    from = end + (/^\r?\n/.exec(body.slice(end, end + 2))?.[0].length ?? 0);
    if (match[1] !== undefined || found.length >= PARTS) return found;
  }
  if (from >= 0) found.push(body.slice(from));
  return found;
}

/** What a part holds, as octets in characters. */
export function content(part: Part): string {
  const how = (part.headers.get("content-transfer-encoding") ?? "").toLowerCase();
  if (how === "base64") {
    try {
      return atob(part.body.replace(/[^A-Za-z0-9+/]/g, "").replace(/^((?:.{4})*).$/s, "$1"));
    } catch {
      return "";
    }
  }
  if (how === "quoted-printable")
    return part.body
      .replace(/[ \t]+(?=\r?\n|$)/g, "")
      .replace(/=\r?\n/g, "")
      .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return part.body;
}

export function text(part: Part): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(part.params.get("charset") ?? "utf-8");
  } catch {
    decoder = new TextDecoder("windows-1252");
  }
  return decoder.decode(octets(content(part)));
}

export function fileName(part: Part): string {
  const { params } = field(part.headers.get("content-disposition") ?? "");
  return params.get("filename") ?? part.params.get("name") ?? "";
}

/** Words of a header field (RFC 2047) as they are meant. */
export function meant(value: string): string {
  const word = /=\?([\w-]+)\?([bq])\?([^?\s]*)\?=/gi;
  // Blanks between two of them are part of neither; what is no word may be UTF-8 (RFC 6532).
  const close = value.replace(/(\?=)\s+(?==\?)/g, "$1");
  let read = "";
  let at = 0;
  for (const one of close.matchAll(word)) {
    const [all, charset = "", how = "", said = ""] = one;
    const part: Part = {
      headers: new Map([["content-transfer-encoding", how.toLowerCase() === "b" ? "base64" : "quoted-printable"]]),
      type: "text/plain",
      params: new Map([["charset", charset]]),
      whole: "",
      body: how.toLowerCase() === "b" ? said : said.replaceAll("_", "=20"),
      parts: [],
    };
    read += utf8(close.slice(at, one.index)) + text(part);
    at = one.index + all.length;
  }
  return read + utf8(close.slice(at));
}

const utf8 = (characters_: string): string => new TextDecoder().decode(octets(characters_));

/** The subject that stands inside of what was encrypted, where a writer protects it (RFC 9788). */
export function protectedSubject(root: Part): string | null {
  const isProtected = root.params.has("hp") || root.params.get("protected-headers") === "v1";
  const subject = root.headers.get("subject");
  return isProtected && subject !== undefined ? meant(subject) : null;
}

/** What a message shows: its HTML, or its text, and its files. */
export function shown(root: Part): { html: string | null; text: string; files: Part[] } {
  const found: { html: string | null; text: string; files: Part[] } = { html: null, text: "", files: [] };
  const visit = (one: Part): void => {
    if (one.parts.length > 0) one.parts.forEach(visit);
    else if ((one.headers.get("content-disposition") ?? "").toLowerCase().startsWith("attachment") || !/^text\/(?:plain|html)$/.test(one.type)) found.files.push(one);
    else if (one.type === "text/html") found.html ??= text(one);
    else found.text += text(one);
  };
  visit(root);
  return found;
}

// Writing

/** Words of a header field (RFC 2047), when they are not ASCII. */
export function words(value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  const pieces: string[] = [];
  let piece = "";
  for (const char of value) {
    if (new TextEncoder().encode(piece + char).length > 42) {
      pieces.push(piece);
      piece = "";
    }
    piece += char;
  }
  return [...pieces, piece].map((one) => `=?utf-8?B?${btoa(characters(new TextEncoder().encode(one)))}?=`).join("\r\n ");
}

export function base64(data: Uint8Array): string {
  return btoa(characters(data)).replace(/.{76}(?=.)/g, "$&\r\n");
}

export function boundary(): string {
  return `=_${crypto.randomUUID()}`;
}

/** A leaf: header fields and base64. */
export function leaf(type: string, data: Uint8Array, more = ""): string {
  return `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n${more}\r\n${base64(data)}\r\n`;
}

export function multipart(type: string, parts: string[], params = ""): string {
  const mark = boundary();
  const inner = parts.map((one) => `--${mark}\r\n${one}\r\n`).join("");
  return `Content-Type: ${type};${params} boundary="${mark}"\r\n\r\n${inner}--${mark}--\r\n`;
}
