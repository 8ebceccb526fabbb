// A Sieve script cut into tokens (RFC 5228 8.1), as src/merpati/wire/sieve/lexer.py does it.

export type TokenKind =
  | "word" | "tag" | "number" | "string" | "comment" | "end"
  | "[" | "]" | "(" | ")" | "{" | "}" | "," | ";";

export interface Token {
  kind: TokenKind;
  /** Of a tag without its colon; of a string its value, with line ends as CRLF. */
  text: string;
  line: number;
  /** An empty line stands before it. */
  blank: boolean;
}

/** A script that does not follow the grammar; `line` counts from 1. */
export class SieveFault extends Error {
  constructor(readonly line: number, text: string) {
    super(text);
  }
}

const TOKEN =
  /([ \t\r\n]+)|(#[^\r\n]*|\/\*[^]*?\*\/)|(text:[ \t]*(?:#[^\r\n]*)?\r?\n)|([a-z_][a-z0-9_]*)|:([a-z_][a-z0-9_]*)|([0-9]+[kmg]?(?![a-z0-9_]))|("[^"\\]*(?:\\[^][^"\\]*)*")|([\][(){},;])/iy;
const TEXT_END = /^\.\r?(?:\n|$(?![^]))/gm;
const MAX_NUMBER = 2n ** 63n - 1n;
const UNITS: Record<string, bigint> = { K: 1n << 10n, M: 1n << 20n, G: 1n << 30n };

export function tokens(script: string): Token[] {
  const text = script.startsWith("\ufeff") ? script.slice(1) : script;
  if (text.includes("\0")) throw new SieveFault(1, "a NUL is not allowed");
  const found: Token[] = [];
  let line = 1;
  let blank = false;
  let at = 0;
  const add = (kind: TokenKind, value: string): void => {
    found.push({ kind, text: value, line, blank });
    blank = false;
  };
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new SieveFault(line, `${text.slice(at, at + 20)} means nothing here`);
    let end = TOKEN.lastIndex;
    const [written, white, comment, block, word, tag, number, quoted] = match;
    if (white !== undefined) blank = count(white) > 1;
    else if (comment !== undefined) add("comment", comment);
    else if (block !== undefined) {
      TEXT_END.lastIndex = end;
      const stop = TEXT_END.exec(text);
      if (stop === null) throw new SieveFault(line, 'this "text:" never ends');
      add("string", crlf(text.slice(end, stop.index).replace(/^\.\./gm, ".")));
      end = TEXT_END.lastIndex;
    } else if (word !== undefined) add("word", word);
    else if (tag !== undefined) add("tag", tag);
    else if (number !== undefined) add("number", number);
    else if (quoted !== undefined) add("string", crlf(quoted.slice(1, -1).replace(/\\([^])/g, "$1")));
    else add(written as TokenKind, written);
    line += count(text.slice(at, end));
    at = end;
  }
  add("end", "");
  return found;
}

/** The value of a number token, its unit multiplied in. */
export function number(token: Token): number {
  const unit = UNITS[token.text.slice(-1).toUpperCase()];
  const value = BigInt(unit === undefined ? token.text : token.text.slice(0, -1)) * (unit ?? 1n);
  if (value > MAX_NUMBER) throw new SieveFault(token.line, `this number is over ${MAX_NUMBER}`);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new SieveFault(token.line, "too large to edit");
  return Number(value);
}

function count(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function crlf(text: string): string {
  return text.replace(/\r?\n|\r/g, "\r\n");
}
