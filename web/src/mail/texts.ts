// The webmail's texts, and the names of mailboxes: those with a role have one in each language.
import { en } from "../i18n/en";
import { id } from "../i18n/id";
import type { IconName } from "../lib/ui/icons";
import type { Mailbox } from "../lib/jmap/types";
import { texts } from "../lib/language.svelte";

export const t = texts({ en, id });

const ROLES = ["inbox", "snoozed", "drafts", "sent", "archive", "junk", "trash"] as const;

export function mailboxName(one: Pick<Mailbox, "name" | "role">): string {
  const role = ROLES.find((known) => known === one.role);
  return role === undefined ? one.name : t[role];
}

export function mailboxIcon(one: Pick<Mailbox, "role">): IconName {
  const role = ROLES.find((known) => known === one.role);
  return role === "snoozed" ? "clock" : (role ?? "folder");
}

/** Inbox first, the ones with a role next, then by name. */
export function mailboxOrder(a: Mailbox, b: Mailbox): number {
  const rank = (one: Mailbox): number => {
    const at = (ROLES as readonly string[]).indexOf(one.role ?? "");
    return at < 0 ? ROLES.length : at;
  };
  return rank(a) - rank(b) || a.sortOrder - b.sortOrder || a.name.localeCompare(b.name);
}
