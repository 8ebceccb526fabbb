// A Sieve script as a tree of commands that keeps its comments (RFC 5228 8.2), the same tree
// as src/merpati/wire/sieve/grammar.py makes. What does not follow the grammar is a SieveFault.
import { number, SieveFault, tokens, type Token, type TokenKind } from "./lexer";

export interface Tag { kind: "tag"; name: string }
export interface Num { kind: "number"; value: number }
/** A string, or when `listed` a list of them in brackets. */
export interface Strings { kind: "strings"; texts: string[]; listed: boolean }
export type Argument = Tag | Num | Strings;

/** A command or a test; see the Python module for what each member means. */
export interface Node {
  name: string;
  arguments: Argument[];
  tests: Node[];
  grouped: boolean;
  block: Node[] | null;
  comments: string[];
  trailing: string;
  closing: string[];
  blank: boolean;
}

export interface Tree { commands: Node[]; closing: string[] }

export const MAX_NESTING = 32; // as the server's

export function node(name: string, parts: Partial<Node> = {}): Node {
  return {
    name, arguments: [], tests: [], grouped: false, block: null, comments: [], trailing: "",
    closing: [], blank: false, ...parts,
  };
}

export const tag = (name: string): Tag => ({ kind: "tag", name });
export const num = (value: number): Num => ({ kind: "number", value });
export const text = (value: string): Strings => ({ kind: "strings", texts: [value], listed: false });
export const texts = (values: string[]): Strings =>
  values.length === 1 ? text(values[0] ?? "") : { kind: "strings", texts: values, listed: true };

export function read(script: string): Tree {
  const parser = new Parser(tokens(script));
  return parser.script();
}

class Parser {
  private at = -1;
  private token: Token = { kind: "end", text: "", line: 0, blank: false };
  private comments: string[] = [];
  private blank = false; // an empty line stands before the first of the comments

  constructor(private readonly tokens: Token[]) {
    this.advance();
  }

  script(): Tree {
    const commands = this.commands(1);
    if (this.token.kind !== "end") this.fail('this "}" closes nothing');
    return { commands, closing: this.taken() };
  }

  private commands(depth: number): Node[] {
    const found: Node[] = [];
    while (this.token.kind !== "}" && this.token.kind !== "end") found.push(this.command(depth));
    return found;
  }

  private command(depth: number): Node {
    if (!this.is("word")) this.fail("a command should begin here");
    const one = this.begin();
    this.arguments(one, depth);
    if (this.is(";")) this.end(one);
    else if (this.is("{")) {
      this.nest(depth);
      this.advance();
      one.block = this.commands(depth + 1);
      one.closing = this.taken();
      if (!this.is("}")) this.fail(`the block of "${one.name}" is not closed`);
      this.end(one);
    } else this.fail(`";" is missing after the arguments of "${one.name}"`);
    return one;
  }

  private begin(): Node {
    const blank = this.comments.length > 0 ? this.blank : this.token.blank;
    const one = node(this.token.text.toLowerCase(), { blank, comments: this.taken() });
    this.advance();
    return one;
  }

  private arguments(one: Node, depth: number): void {
    for (;;) {
      const token = this.token;
      if (token.kind === "tag") one.arguments.push(tag(token.text.toLowerCase()));
      else if (token.kind === "number") one.arguments.push(num(number(token)));
      else if (token.kind === "string") one.arguments.push(text(token.text));
      else if (token.kind === "[") one.arguments.push(this.list());
      else break;
      this.advance();
    }
    if (this.token.kind === "word") {
      this.nest(depth);
      one.tests = [this.test(depth + 1)];
    } else if (this.token.kind === "(") {
      this.nest(depth);
      one.grouped = true;
      do {
        this.advance();
        one.tests.push(this.test(depth + 1));
      } while (this.is(","));
      if (!this.is(")")) this.fail('"," or ")" is missing after this test');
      this.advance();
    }
    one.comments.push(...this.taken());
  }

  private test(depth: number): Node {
    if (this.token.kind !== "word") this.fail("a test should stand here");
    const one = this.begin();
    this.arguments(one, depth);
    return one;
  }

  /** Ends at the bracket that closes it. */
  private list(): Strings {
    const found: string[] = [];
    do {
      this.advance();
      if (!this.is("string")) this.fail("a string in quotes should stand here");
      found.push(this.token.text);
      this.advance();
    } while (this.is(","));
    if (!this.is("]")) this.fail('"," or "]" is missing after this string');
    return { kind: "strings", texts: found, listed: true };
  }

  private is(kind: TokenKind): boolean {
    return this.token.kind === kind;
  }

  private end(one: Node): void {
    const line = this.token.line;
    this.advance(one, line);
  }

  private advance(trailingOf: Node | null = null, line = 0): void {
    for (this.at++; this.at < this.tokens.length; this.at++) {
      const token = this.tokens[this.at] as Token;
      if (token.kind !== "comment") {
        this.token = token;
        return;
      }
      if (trailingOf !== null && token.line === line) {
        trailingOf.trailing = token.text;
        trailingOf = null;
      } else {
        if (this.comments.length === 0) this.blank = token.blank;
        this.comments.push(token.text);
      }
    }
  }

  private taken(): string[] {
    const comments = this.comments;
    this.comments = [];
    return comments;
  }

  private nest(depth: number): void {
    if (depth >= MAX_NESTING) this.fail(`more than ${MAX_NESTING} blocks and tests in each other`);
  }

  private fail(text: string): never {
    throw new SieveFault(this.token.line, text);
  }
}
