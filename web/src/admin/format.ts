import { language } from "../lib/language.svelte";
import { t } from "./texts";

const locale = (): string => (language.code === "id" ? "id-ID" : "en-GB");

/** A moment, or "never" for 0. */
export function moment(at: number): string {
  if (at === 0) return t.never;
  return new Date(at).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
}

export function day(at: number): string {
  return new Date(at).toLocaleDateString(locale(), { dateStyle: "medium" });
}

export function hour(at: number): string {
  return new Date(at).toLocaleString(locale(), { weekday: "short", hour: "2-digit", minute: "2-digit" });
}

/** With seconds: the steps of a road. */
export function exact(at: number): string {
  return new Date(at).toLocaleString(locale(), {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

export const GB = 1 << 30;
