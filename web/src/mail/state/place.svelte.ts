// Where in the mail one is: read from the address of the page, and made into one.
import { go, route } from "../../lib/router.svelte";
import type { Id } from "../../lib/jmap/types";
import { mail } from "./mail.svelte";

export interface Place {
  kind: "mailbox" | "search" | "settings";
  account: Id;
  mailbox: Id;
  thread: Id;
  query: string;
}

/** /mail/F1, /mail/F1/T9, /mail/u7.F1, /mail/search?q=..., /mail/settings/... */
export function read(path: string, query: string): Place {
  const [, , first = "", thread = ""] = path.split("/").map(decodeURIComponent);
  const q = new URLSearchParams(query).get("q") ?? "";
  if (first === "settings")
    return { kind: "settings", account: mail.account, mailbox: "", thread: "", query: "" };
  if (first === "search")
    return { kind: "search", account: mail.account, mailbox: "", thread, query: q };
  const dot = first.indexOf(".");
  const account = dot > 0 ? first.slice(0, dot) : mail.account;
  const box = dot > 0 ? first.slice(dot + 1) : first;
  const found = mail.find(account);
  const mailbox = found?.byId.has(box) ? box : (found?.byRole("inbox")?.id ?? found?.mailboxes[0]?.id ?? "");
  return { kind: "mailbox", account, mailbox, thread: box === mailbox ? thread : "", query: "" };
}

export function address(place: Partial<Place>): string {
  const enc = encodeURIComponent;
  const thread = place.thread ? `/${enc(place.thread)}` : "";
  if (place.kind === "settings") return "/mail/settings";
  if (place.kind === "search") return `/mail/search${thread}?q=${enc(place.query ?? "")}`;
  const prefix = place.account && place.account !== mail.account ? `${enc(place.account)}.` : "";
  return `/mail/${prefix}${enc(place.mailbox ?? "")}${thread}`;
}

class Here {
  place: Place = $derived(read(route.path, route.query));
}
export const here = new Here();

export function openThread(thread: Id, replace = false): void {
  go(address({ ...here.place, thread }), { replace });
}

export function openMailbox(account: Id, mailbox: Id): void {
  go(address({ kind: "mailbox", account, mailbox }));
}

export function openSearch(query: string): void {
  if (query.trim() === "") go(address({ kind: "mailbox", account: mail.account }));
  else go(address({ kind: "search", query }), { replace: here.place.kind === "search" });
}
