// Rules in a Sieve script, in exactly the form that src/merpati/wire/sieve/rules.py reads and
// writes: one `if` with its branches under `# rule: Name` and `# key: value`; a rule that is
// switched off is written behind `#|`. Whatever else a script holds is kept where it stands.
import { read, texts, node, type Node } from "./grammar";
import { SieveFault } from "./lexer";
import { lines, NEWLINE } from "./writer";
import vocabulary from "./vocabulary.json";

export interface Rule {
  kind: "rule";
  name: string;
  branches: Node[];
  keys: Record<string, string>;
  enabled: boolean;
  /** Other comments before it, marks included. */
  comments: string[];
}

/** What is no rule: one command, or an `if` with its branches. */
export interface Other { kind: "other"; nodes: Node[] }
export type Block = Rule | Other;

export interface Sheet {
  blocks: Block[];
  /** Extensions the script asks for; writing adds those that its commands need. */
  requires: string[];
  preamble: string[];
  closing: string[];
}

const MAX_NAME = 200; // characters
const HEADER = /^#[ \t]*rule:[ \t]*([^\n]*)$/i;
const KEY = /^#[ \t]*([a-z][a-z0-9-]{0,30}):[ \t]*([^\n]*)$/;
const OFF = "#|";
const CONTROLS = /[\x00-\x1f\x7f]+/g;
const BRANCHES = new Set(["elsif", "else"]);

interface Word { needs: string; tags: [string, string][] }
const WORDS = new Map(Object.entries(vocabulary.words as unknown as Record<string, Word>));
const ENVELOPE = new Map(Object.entries(vocabulary.envelope));
const COMPARATORS = new Set(vocabulary.comparators);

/** The rules of a script, and all else it holds. Throws SieveFault. */
export function parseRules(script: string): Sheet {
  const tree = read(script);
  const sheet: Sheet = { blocks: [], requires: [], preamble: [], closing: [] };
  const { commands } = tree;
  let at = 0;
  for (; commands[at]?.name === "require"; at++) {
    const one = commands[at] as Node;
    sheet.preamble.push(...one.comments, ...(one.trailing ? [one.trailing] : []));
    for (const argument of one.arguments) if (argument.kind === "strings") sheet.requires.push(...argument.texts);
  }
  while (at < commands.length) {
    let end = at + 1;
    while (BRANCHES.has(commands[end]?.name ?? "")) end++;
    block(sheet, commands.slice(at, end));
    at = end;
  }
  sheet.closing = switchedOff(sheet, tree.closing, false).before;
  return sheet;
}

/** The script of some rules; what its commands require is added. */
export function writeRules(sheet: Sheet): string {
  const required = new Set(sheet.requires);
  for (const one of sheet.blocks) {
    if (one.kind === "other") requirements(one.nodes).forEach((name) => required.add(name));
    else if (one.enabled) requirements(one.branches).forEach((name) => required.add(name));
  }
  const out = [...sheet.preamble];
  if (required.size > 0) {
    const names = { ...texts([...required].sort()), listed: true };
    out.push(...lines([node("require", { arguments: [names] })]));
  }
  for (const one of sheet.blocks) {
    if (out.length > 0) out.push("");
    out.push(...(one.kind === "rule" ? ruleLines(one) : lines(one.nodes)));
  }
  if (sheet.closing.length > 0 && out.length > 0) out.push("");
  out.push(...sheet.closing);
  return out.map((line) => line + NEWLINE).join("");
}

/** The extensions that some commands need, as far as they can be seen from outside. */
export function requirements(commands: Node[]): Set<string> {
  const needed = new Set<string>();
  const waiting = [...commands];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    waiting.push(...one.tests, ...(one.block ?? []));
    const word = WORDS.get(one.name);
    if (word === undefined) continue;
    needed.add(word.needs);
    one.arguments.forEach((argument, place) => {
      if (argument.kind === "tag") {
        needed.add(word.tags.find(([name]) => name === argument.name)?.[1] ?? "");
        const next = one.arguments[place + 1];
        if (argument.name === "comparator" && next?.kind === "strings")
          for (const name of next.texts) {
            const extension = `comparator-${name.toLowerCase()}`;
            if (COMPARATORS.has(extension)) needed.add(extension);
          }
      } else if (argument.kind === "strings" && one.name === "envelope")
        for (const part of argument.texts) needed.add(ENVELOPE.get(part.toLowerCase()) ?? "");
    });
  }
  needed.delete("");
  return needed;
}

function block(sheet: Sheet, nodes: Node[]): void {
  const first = nodes[0] as Node;
  const { before, header } = switchedOff(sheet, first.comments, true);
  if (header === null) {
    first.comments = before;
    sheet.blocks.push({ kind: "other", nodes });
    return;
  }
  first.comments = header.within;
  first.blank = false;
  const { name, keys } = header;
  sheet.blocks.push({ kind: "rule", name, branches: nodes, keys, enabled: true, comments: before });
}

interface Header { name: string; keys: Record<string, string>; within: string[] }

/** Adds the rules that are written as comments; what is left, and the rule that follows. */
function switchedOff(sheet: Sheet, comments: string[], command: boolean): { before: string[]; header: Header | null } {
  let before: string[] = [];
  let at = 0;
  while (at < comments.length) {
    const found = HEADER.exec(comments[at] as string);
    if (found === null) {
      before.push(comments[at++] as string);
      continue;
    }
    const begin = at++;
    const keys: Record<string, string> = {};
    for (; at < comments.length && !HEADER.test(comments[at] as string); at++) {
      const pair = KEY.exec(comments[at] as string);
      if (pair === null) break;
      keys[pair[1] as string] = (pair[2] as string).trim();
    }
    let end = at;
    while (comments[end]?.startsWith(OFF)) end++;
    const name = ruleName(found[1] as string);
    if (end > at) {
      const branches = hidden(comments.slice(at, end));
      at = end;
      if (branches === null) { // somebody has written something else there
        before.push(...comments.slice(begin, end));
        continue;
      }
      sheet.blocks.push({ kind: "rule", name, branches, keys, enabled: false, comments: before });
      before = [];
    } else if (command && !comments.slice(at).some((comment) => HEADER.test(comment))) {
      return { before, header: { name, keys, within: comments.slice(at) } };
    } else before.push(...comments.slice(begin, at));
  }
  return { before, header: null };
}

function ruleName(text: string): string {
  const bracketed = /^\[([^\n]*)\]$/.exec(text.trim());
  return (bracketed?.[1] ?? text).trim();
}

function hidden(comments: string[]): Node[] | null {
  const script = [...comments.map((comment) => comment.slice(OFF.length).replace(/^ /, "")), ""].join(NEWLINE);
  try {
    const { commands } = read(script);
    return commands.length > 0 ? commands : null;
  } catch (fault) {
    if (fault instanceof SieveFault) return null;
    throw fault;
  }
}

function ruleLines(rule: Rule): string[] {
  const name = [...line(rule.name)].slice(0, MAX_NAME).join("");
  const out = [...rule.comments, `# rule: ${name}`];
  for (const [key, value] of Object.entries(rule.keys)) out.push(`# ${key}: ${line(value)}`);
  const text = lines(rule.branches);
  if (rule.enabled) return [...out, ...text];
  return [...out, ...text.join(NEWLINE).split(NEWLINE).map((one) => `${OFF} ${one}`)];
}

function line(text: string): string {
  return text.replace(CONTROLS, " ").trim();
}
