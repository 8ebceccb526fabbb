// The pages of the settings; each is loaded when it is looked at.
import type { Component } from "svelte";
import type { IconName } from "../../lib/ui/icons";
import { t } from "./texts";

export interface Page {
  path: string;
  icon: IconName;
  label: () => string;
  load: () => Promise<{ default: Component }>;
}

export const PAGES: Page[] = [
  { path: "general", icon: "settings", label: () => t.general, load: () => import("./General.svelte") },
  { path: "identities", icon: "pen", label: () => t.identities, load: () => import("./Identities.svelte") },
  { path: "reply", icon: "calendar", label: () => t.vacation, load: () => import("./Vacation.svelte") },
  { path: "filters", icon: "filter", label: () => t.filters, load: () => import("./Filters.svelte") },
  { path: "labels", icon: "tag", label: () => t.labels, load: () => import("./Labels.svelte") },
  { path: "templates", icon: "file", label: () => t.templates, load: () => import("./Templates.svelte") },
  { path: "removed", icon: "trash", label: () => t.removed, load: () => import("./Removed.svelte") },
  { path: "encryption", icon: "shield", label: () => t.encryption, load: () => import("./Keys.svelte") },
  { path: "security", icon: "key", label: () => t.security, load: () => import("./Security.svelte") },
];
