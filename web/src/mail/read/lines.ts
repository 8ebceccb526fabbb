// Content lines of calendars and contacts (RFC 5545 3.1, RFC 6350 3.3): enough to show them as data.
import { longDate } from "../../lib/language.svelte";

export interface Line {
  name: string;
  params: Record<string, string>;
  value: string;
}

const LINES = 5_000;

export function properties(text: string): Line[] {
  const found: Line[] = [];
  for (const line of text.replace(/\r?\n[ \t]/g, "").split(/\r?\n/).slice(0, LINES)) {
    const head = /^[^:"]*(?:"[^"]*"[^:"]*)*:/.exec(line)?.[0];
    if (head === undefined) continue;
    const [full = "", ...params] = head.slice(0, -1).split(";");
    found.push({
      name: (full.split(".").at(-1) ?? full).toUpperCase(),
      params: Object.fromEntries(
        params.map((one) => {
          const at = one.indexOf("=");
          return [one.slice(0, at).toUpperCase(), one.slice(at + 1).replace(/^"|"$/g, "")];
        }),
      ),
      value: line.slice(head.length).replace(/\\n/gi, "\n").replace(/\\([,;\\])/g, "$1"),
    });
  }
  return found;
}

/** DTSTART and its like in words, with the zone that it names. */
export function when(line: Line | undefined): string {
  const match = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/.exec(line?.value ?? "");
  if (line === undefined || match === null) return line?.value ?? "";
  const [, year, month, day, hour, minute, second, utc] = match;
  if (hour === undefined) return `${year}-${month}-${day}`;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}${utc}`;
  const zone = line.params["TZID"];
  return longDate(iso) + (zone ? ` (${zone})` : "");
}
