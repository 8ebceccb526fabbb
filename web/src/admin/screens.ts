// Every screen, where it stands in the menu, and who may open it.
import type { Component } from "svelte";
import type { IconName } from "../lib/ui/icons";
import type { Me, Right } from "./api";
import Accounts from "./screens/Accounts.svelte";
import Aliases from "./screens/Aliases.svelte";
import Audit from "./screens/Audit.svelte";
import Backup from "./screens/Backup.svelte";
import Configuration from "./screens/Configuration.svelte";
import Dashboard from "./screens/Dashboard.svelte";
import Doctor from "./screens/Doctor.svelte";
import Domains from "./screens/Domains.svelte";
import Guard from "./screens/Guard.svelte";
import Guide from "./screens/Guide.svelte";
import Lists from "./screens/Lists.svelte";
import Programs from "./screens/Programs.svelte";
import Queue from "./screens/Queue.svelte";
import Reports from "./screens/Reports.svelte";
import Settings from "./screens/Settings.svelte";
import Shared from "./screens/Shared.svelte";
import Trace from "./screens/Trace.svelte";

/** What each screen is handed; `rest` is what stands in the address behind its name. */
export interface ScreenProps {
  me: Me;
  rest: string;
}

export const SCREENS = {
  guide: Guide,
  dashboard: Dashboard,
  accounts: Accounts,
  aliases: Aliases,
  domains: Domains,
  lists: Lists,
  shared: Shared,
  queue: Queue,
  guard: Guard,
  trace: Trace,
  reports: Reports,
  doctor: Doctor,
  audit: Audit,
  backup: Backup,
  configuration: Configuration,
  programs: Programs,
  settings: Settings,
} satisfies Record<string, Component<ScreenProps>>;
export type ScreenName = keyof typeof SCREENS;

// The right that a delegate needs; what is not here is for administrators alone.
const RIGHTS: Partial<Record<ScreenName, Right>> = {
  accounts: "accounts",
  aliases: "accounts",
  shared: "accounts",
  audit: "accounts",
  domains: "accounts",
  lists: "lists",
  trace: "trace",
  reports: "reports",
  doctor: "reports",
};

export function mayOpen(name: ScreenName, me: Me): boolean {
  if (me.administrator) return true;
  const right = RIGHTS[name];
  return right !== undefined && Object.values(me.domains).some((held) => held.includes(right));
}

interface Entry {
  name: ScreenName;
  icon: IconName;
}
export const GROUPS: { name: "overview" | "people" | "mail" | "system"; screens: Entry[] }[] = [
  {
    name: "overview",
    screens: [
      { name: "dashboard", icon: "info" },
      { name: "guide", icon: "help" },
    ],
  },
  {
    name: "people",
    screens: [
      { name: "accounts", icon: "person" },
      { name: "domains", icon: "globe" },
      { name: "aliases", icon: "forward" },
      { name: "lists", icon: "people" },
      { name: "shared", icon: "inbox" },
    ],
  },
  {
    name: "mail",
    screens: [
      { name: "trace", icon: "search" },
      { name: "queue", icon: "clock" },
      { name: "guard", icon: "shield" },
      { name: "reports", icon: "file" },
    ],
  },
  {
    name: "system",
    screens: [
      { name: "doctor", icon: "warning" },
      { name: "audit", icon: "list" },
      { name: "backup", icon: "archive" },
      { name: "configuration", icon: "file" },
      { name: "programs", icon: "link" },
      { name: "settings", icon: "settings" },
    ],
  },
];
