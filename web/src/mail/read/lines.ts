// Content lines of calendars and contacts (RFC 5545 3.1, RFC 6350 3.3): enough to show them as data.
import { longDate, longSpan } from "../../lib/language.svelte";

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

/** DTSTART and DTEND in words: of what begins and ends on one day, the day once. */
export function span(begin: Line | undefined, end: Line | undefined): string {
  const [from, to] = [moment(begin), moment(end)];
  if (from === null || to === null || begin?.params["TZID"] !== end?.params["TZID"])
    return [when(begin), when(end)].filter(Boolean).join(" – ");
  return longSpan(from, to) + zone(begin);
}

const TIME = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/;

/** A date with a time in ISO 8601; null for whole days and what is neither. */
function moment(line: Line | undefined): string | null {
  const [, year, month, day, hour, minute, second, utc] = TIME.exec(line?.value ?? "") ?? [];
  return hour === undefined ? null : `${year}-${month}-${day}T${hour}:${minute}:${second}${utc}`;
}

function zone(line: Line | undefined): string {
  const named = line?.params["TZID"];
  return named ? ` (${named})` : "";
}

/** DTSTART and its like in words, with the zone that it names. */
export function when(line: Line | undefined): string {
  const at = moment(line);
  if (at !== null) return longDate(at) + zone(line);
  const [, year, month, day] = TIME.exec(line?.value ?? "") ?? [];
  return year === undefined ? (line?.value ?? "") : `${year}-${month}-${day}`;
}
