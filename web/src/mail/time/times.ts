// Times at which people like something to come up or to go, in the time zone of the browser.
export type SendTime = "laterToday" | "tomorrowMorning" | "tomorrowAfternoon" | "mondayMorning";
export type SnoozeTime = "laterToday" | "thisEvening" | "tomorrowMorning" | "atTheWeekend" | "nextWeek";

const MORNING = 8; // o'clock
const AFTERNOON = 13;
const EVENING = 18;
const SATURDAY = 6;
const DAY = 86_400_000; // ms

function at(day: Date, days: number, hour: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hour);
}

/** When a letter may go: those that make sense now, the nearest first. */
export function sendTimes(now: Date): [SendTime, Date][] {
  const found: [SendTime, Date][] = [];
  if (now.getHours() < 16) found.push(["laterToday", at(now, 0, now.getHours() + 3)]);
  found.push(["tomorrowMorning", at(now, 1, MORNING)], ["tomorrowAfternoon", at(now, 1, AFTERNOON)]);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  if (toMonday > 1) found.push(["mondayMorning", at(now, toMonday, MORNING)]);
  return found;
}

/** When a letter may come up: those that make sense now, the nearest first. */
export function snoozeTimes(now: Date): [SnoozeTime, Date][] {
  const found: [SnoozeTime, Date][] = [];
  const hour = now.getHours();
  if (hour < EVENING - 4) found.push(["laterToday", at(now, 0, hour + 3)]);
  if (hour < EVENING - 1) found.push(["thisEvening", at(now, 0, EVENING)]);
  found.push(["tomorrowMorning", at(now, 1, MORNING)]);
  const toSaturday = SATURDAY - now.getDay();
  if (toSaturday > 1) found.push(["atTheWeekend", at(now, toSaturday, MORNING + 1)]);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  if (toMonday > 1) found.push(["nextWeek", at(now, toMonday, MORNING)]);
  return found;
}

/** The same time of day so many days on. */
export function inDays(now: Date, days: number): Date {
  return new Date(now.getTime() + days * DAY);
}

/** Of JMAP: without fractions of a second. */
export function utcDate(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
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
