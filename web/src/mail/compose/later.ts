// Times at which people like a letter to go.
export type Choice = "laterToday" | "tomorrowMorning" | "tomorrowAfternoon" | "mondayMorning";

function at(day: Date, days: number, hour: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hour);
}

/** Those that make sense now, in the time zone of the browser. */
export function choices(now: Date): [Choice, Date][] {
  const found: [Choice, Date][] = [];
  if (now.getHours() < 16) found.push(["laterToday", at(now, 0, now.getHours() + 3)]);
  found.push(["tomorrowMorning", at(now, 1, 8)], ["tomorrowAfternoon", at(now, 1, 13)]);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  if (toMonday > 1) found.push(["mondayMorning", at(now, toMonday, 8)]);
  return found;
}

/** For a field of the type datetime-local. */
export function toField(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

export function fromField(value: string): Date | null {
  const time = new Date(value);
  return value === "" || Number.isNaN(time.getTime()) ? null : time;
}
