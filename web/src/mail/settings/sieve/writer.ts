// A tree of commands as a script, line for line as src/merpati/wire/sieve/writer.py writes it.
import type { Argument, Node, Strings } from "./grammar";

export const NEWLINE = "\r\n";
const INDENT = "    ";
const WIDTH = 76; // of a list of strings, before each string gets a line
const UNITS: [number, string][] = [[2 ** 30, "G"], [2 ** 20, "M"], [2 ** 10, "K"]];

/** The lines of some commands, so many blocks deep; one may hold line ends within a string. */
export function lines(commands: Node[], depth = 0): string[] {
  const margin = INDENT.repeat(depth);
  const out: string[] = [];
  commands.forEach((one, place) => {
    if (one.blank && place > 0 && one.name !== "elsif" && one.name !== "else") out.push("");
    for (const comment of comments(one)) out.push(margin + comment);
    const trailing = one.trailing ? ` ${one.trailing}` : "";
    const head = margin + one.name + after(one, depth);
    if (one.block === null) {
      out.push(`${head};${trailing}`);
      return;
    }
    out.push(`${head} {`, ...lines(one.block, depth + 1));
    for (const comment of one.closing) out.push(margin + INDENT + comment);
    out.push(`${margin}}${trailing}`);
  });
  return out;
}

/** A string as a script writes it: quoted, or in lines of its own where it ends with one. */
export function quoted(text: string): string {
  if (text.endsWith(NEWLINE) && text.indexOf(NEWLINE) < text.length - NEWLINE.length) {
    const stuffed = text.slice(0, -NEWLINE.length).split(NEWLINE).map((line) => (line.startsWith(".") ? "." + line : line));
    return ["text:", ...stuffed, "."].join(NEWLINE) + NEWLINE;
  }
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

function comments(one: Node): string[] {
  return [...one.comments, ...one.tests.flatMap(comments)];
}

function after(one: Node, depth: number): string {
  const pieces = ["", ...one.arguments.map((argument) => written(argument, depth))];
  const [only] = one.tests;
  if (one.grouped) pieces.push(group(one.tests, depth));
  else if (only !== undefined) pieces.push(only.name + after(only, depth));
  return pieces.join(" ");
}

function group(tests: Node[], depth: number): string {
  const inner = tests.length === 1 ? depth : depth + 1;
  const each = tests.map((test) => test.name + after(test, inner));
  if (each.length === 1) return `(${each[0]})`;
  const margin = NEWLINE + INDENT.repeat(depth + 1);
  return "(" + margin + each.join("," + margin) + ")";
}

function written(argument: Argument, depth: number): string {
  if (argument.kind === "tag") return ":" + argument.name;
  if (argument.kind === "number") return size(argument.value);
  return argument.listed ? list(argument, depth) : quoted(argument.texts[0] ?? "");
}

function list(strings: Strings, depth: number): string {
  const each = strings.texts.map(quoted);
  const line = `[${each.join(", ")}]`;
  if ([...line].length <= WIDTH || line.includes(NEWLINE)) return line;
  const margin = NEWLINE + INDENT.repeat(depth + 1);
  return "[" + margin + each.join("," + margin) + "]";
}

function size(value: number): string {
  for (const [unit, letter] of UNITS) if (value > 0 && value % unit === 0) return `${value / unit}${letter}`;
  return String(value);
}
