// A rule as the fields of a form. Only a rule that the form would write back letter for letter
// is shown as one; every other is shown as its text, so that the form never loses anything.
import { node, num, tag, text, texts, type Argument, type Node } from "./grammar";
import { lines, NEWLINE } from "./writer";
import type { Rule } from "./rules";

export type Field = "from" | "to" | "cc" | "recipient" | "subject" | "header" | "body" | "size" | "list";
export type Match = "contains" | "is" | "matches" | "domain" | "over" | "under" | "exists";

export interface Condition {
  field: Field;
  /** Of "header". */
  header: string;
  match: Match;
  negated: boolean;
  /** Any of them will do. */
  values: string[];
  /** Bytes, of "size". */
  size: number;
}

export type Act = "move" | "copy" | "forward" | "forwardCopy" | "flag" | "discard" | "keep" | "stop" | "reject";

export interface Action {
  act: Act;
  /** A folder's path, an address, a keyword, or what a rejected sender is told. */
  value: string;
}

export interface RuleForm {
  name: string;
  enabled: boolean;
  join: "all" | "any" | "always";
  conditions: Condition[];
  actions: Action[];
}

/** The matches that each field offers, the usual one first. */
export const MATCHES: Record<Field, Match[]> = {
  from: ["contains", "is", "domain", "matches"],
  to: ["contains", "is", "domain", "matches"],
  cc: ["contains", "is", "domain", "matches"],
  recipient: ["contains", "is", "domain", "matches"],
  subject: ["contains", "is", "matches"],
  header: ["contains", "is", "matches", "exists"],
  body: ["contains"],
  size: ["over", "under"],
  list: ["exists", "contains"],
};
export const ADDRESS_HEADERS: Partial<Record<Field, string[]>> = {
  from: ["from"], to: ["to"], cc: ["cc"], recipient: ["to", "cc"],
};
/** What an action's value is: nothing, a folder, an address, a keyword, or a text. */
export const ACTS: Record<Act, "" | "folder" | "address" | "keyword" | "text"> = {
  move: "folder", copy: "folder", forward: "address", forwardCopy: "address", flag: "keyword",
  discard: "", keep: "", stop: "", reject: "text",
};

export function emptyCondition(field: Field = "from"): Condition {
  const match = MATCHES[field][0] as Match;
  return { field, header: "", match, negated: false, values: [], size: 10 * 2 ** 20 };
}

export function emptyForm(): RuleForm {
  const actions: Action[] = [{ act: "move", value: "" }, { act: "stop", value: "" }];
  return { name: "", enabled: true, join: "all", conditions: [emptyCondition()], actions };
}

/** The form that shows a rule; null when it says what no form can. */
export function toForm(rule: Rule): RuleForm | null {
  const [only, more] = rule.branches;
  if (only === undefined || more !== undefined || only.name !== "if" || only.block === null) return null;
  const [test] = only.tests;
  if (test === undefined) return null;
  const join = test.name === "true" ? "always" : test.name === "anyof" ? "any" : "all";
  const tests = test.name === "anyof" || test.name === "allof" ? test.tests : join === "always" ? [] : [test];
  const conditions = tests.map(condition);
  const actions = only.block.map(action);
  if (!conditions.every((one) => one !== null) || !actions.every((one) => one !== null)) return null;
  const form: RuleForm = { name: rule.name, enabled: rule.enabled, join, conditions, actions };
  return same(fromForm(form), rule.branches) ? form : null;
}

/** The commands of a rule. */
export function fromForm(form: RuleForm): Node[] {
  const tests = form.join === "always" ? [] : form.conditions.map(written);
  const [first, second] = tests;
  let test = first ?? node("true");
  if (second !== undefined || (form.join === "any" && first !== undefined))
    test = node(form.join === "any" ? "anyof" : "allof", { tests, grouped: true });
  return [node("if", { tests: [test], block: form.actions.map(command) })];
}

/** What is still missing in a form; its keys are those of the dictionary. */
export function problems(form: RuleForm): ("name" | "value" | "header" | "actions" | "address" | "folder")[] {
  const found: ReturnType<typeof problems> = [];
  if (form.name.trim() === "") found.push("name");
  if (form.actions.length === 0) found.push("actions");
  if (form.join !== "always")
    for (const one of form.conditions) {
      if (one.field === "header" && !/^[!-9;-~]+$/.test(one.header)) found.push("header");
      if (one.field !== "size" && one.match !== "exists" && !one.values.some((value) => value !== "")) found.push("value");
    }
  for (const one of form.actions) {
    if (ACTS[one.act] === "address" && !/^[^\s@]+@[^\s@]+$/.test(one.value)) found.push("address");
    if (ACTS[one.act] === "folder" && one.value === "") found.push("folder");
  }
  return [...new Set(found)];
}

function same(one: Node[], other: Node[]): boolean {
  return lines(one).join(NEWLINE) === lines(other).join(NEWLINE);
}

function condition(test: Node): Condition | null {
  if (test.name === "not") {
    const [inner] = test.tests;
    const found = inner === undefined ? null : condition(inner);
    return found === null ? null : { ...found, negated: !found.negated };
  }
  const tags = test.arguments.flatMap((one) => (one.kind === "tag" ? [one.name] : []));
  const lists = test.arguments.flatMap((one) => (one.kind === "strings" ? [one.texts] : []));
  const [named, values] = lists;
  const one = emptyCondition();
  const match = (["contains", "is", "matches", "over", "under"] as const).find((name) => tags.includes(name));
  if (test.name === "size") {
    const [size] = test.arguments.flatMap((each) => (each.kind === "number" ? [each.value] : []));
    return match === undefined || size === undefined ? null : { ...one, field: "size", match, size };
  }
  if (test.name === "exists" && named?.length === 1) {
    const [header] = named as [string];
    return header === "list-id" ? { ...one, field: "list", match: "exists" } : { ...one, field: "header", header, match: "exists" };
  }
  if (test.name === "body" && named !== undefined && match !== undefined) return { ...one, field: "body", match, values: named };
  if (named === undefined || values === undefined || match === undefined) return null;
  if (test.name === "address") {
    const field = (Object.keys(ADDRESS_HEADERS) as Field[]).find((each) => ADDRESS_HEADERS[each]?.join() === named.join());
    if (field === undefined) return null;
    return { ...one, field, match: tags.includes("domain") ? "domain" : match, values };
  }
  if (test.name !== "header" || named.length !== 1) return null;
  const [header] = named as [string];
  if (header === "subject") return { ...one, field: "subject", match, values };
  if (header === "list-id") return { ...one, field: "list", match, values };
  return { ...one, field: "header", header, match, values };
}

function written(one: Condition): Node {
  const values = one.values.filter((value) => value !== "");
  const test = bare(one, values.length > 0 ? values : [""]);
  return one.negated ? node("not", { tests: [test] }) : test;
}

function bare(one: Condition, values: string[]): Node {
  if (one.field === "size") return node("size", { arguments: [tag(one.match), num(one.size)] });
  const header = one.field === "list" ? "list-id" : one.field === "subject" ? "subject" : one.header;
  if (one.match === "exists") return node("exists", { arguments: [text(header)] });
  if (one.field === "body") return node("body", { arguments: [tag("text"), tag(one.match), texts(values)] });
  const addresses = ADDRESS_HEADERS[one.field];
  if (addresses === undefined) return node("header", { arguments: [tag(one.match), text(header), texts(values)] });
  const how: Argument[] = one.match === "domain" ? [tag("domain"), tag("is")] : [tag(one.match)];
  return node("address", { arguments: [...how, texts(addresses), texts(values)] });
}

function action(command: Node): Action | null {
  const tags = command.arguments.flatMap((one) => (one.kind === "tag" ? [one.name] : []));
  const [given] = command.arguments.flatMap((one) => (one.kind === "strings" ? [one.texts] : []));
  const value = given?.[0] ?? "";
  const copies = tags.includes("copy");
  switch (command.name) {
    case "fileinto": return { act: copies ? "copy" : "move", value };
    case "redirect": return { act: copies ? "forwardCopy" : "forward", value };
    case "addflag": return { act: "flag", value };
    case "reject": return { act: "reject", value };
    case "discard": case "keep": case "stop": return { act: command.name, value: "" };
    default: return null;
  }
}

function command(one: Action): Node {
  const value = text(one.value);
  switch (one.act) {
    case "move": return node("fileinto", { arguments: [value] });
    case "copy": return node("fileinto", { arguments: [tag("copy"), value] });
    case "forward": return node("redirect", { arguments: [value] });
    case "forwardCopy": return node("redirect", { arguments: [tag("copy"), value] });
    case "flag": return node("addflag", { arguments: [value] });
    case "reject": return node("reject", { arguments: [value] });
    default: return node(one.act);
  }
}
