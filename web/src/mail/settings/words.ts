// A rule in one sentence.
import { fileSize } from "../../lib/language.svelte";
import { mailboxName } from "../texts";
import { mail } from "../state/mail.svelte";
import { ACTS, type Action, type Condition, type RuleForm } from "./sieve/form";
import { t } from "./texts";

export function summary(form: RuleForm): string {
  const all = form.conditions.map(condition);
  const when = form.join === "always" ? t.always : `${form.join === "any" && all.length > 1 ? t.ifAny : ""}${form.join === "any" && all.length > 1 ? ": " : ""}${all.join("; ")}`;
  return `${when} → ${form.actions.map(action).join("; ")}`;
}

function condition(one: Condition): string {
  const field = one.field === "header" ? one.header : t.fields[one.field];
  const not = one.negated ? `${t.not} ` : "";
  if (one.field === "size") return `${field} ${not}${t.matches[one.match]} ${fileSize(one.size)}`;
  const values = one.match === "exists" ? "" : ` “${one.values.slice(0, 4).join("”, “")}${one.values.length > 4 ? "…" : ""}”`;
  return `${field} ${not}${t.matches[one.match]}${values}`;
}

function action(one: Action): string {
  const kind = ACTS[one.act];
  if (kind === "") return t.acts[one.act];
  if (kind === "keyword") return `${t.acts[one.act]} ${keyword(one.value)}`;
  if (kind === "folder") return `${t.acts[one.act]} ${folder(one.value)}`;
  return `${t.acts[one.act]} ${one.value}`;
}

export function keyword(name: string): string {
  return (t.keywords as Record<string, string>)[name] ?? name;
}

/** A folder's path in the language of the page, where it has a role. */
export function folder(path: string): string {
  const found = mail.mailboxes.find((one) => one.parentId === null && (one.name === path || (one.role === "inbox" && path === "INBOX")));
  return found === undefined ? path : mailboxName(found);
}
