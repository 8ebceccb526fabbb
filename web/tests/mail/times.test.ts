import { describe, expect, it } from "vitest";
import { inDays, snoozeTimes, utcDate } from "../../src/mail/time/times";

const names = (now: Date): string[] => snoozeTimes(now).map(([name]) => name);

describe("snooze times", () => {
  it("are all to come, the nearest first", () => {
    for (let hour = 0; hour < 24 * 7; hour += 1) {
      const now = new Date(2026, 10, 16, hour, 59);
      const times = snoozeTimes(now).map(([, at]) => at.getTime());
      expect(times[0]).toBeGreaterThan(now.getTime());
      expect([...times].sort((a, b) => a - b)).toEqual(times);
      expect(new Set(times).size).toBe(times.length);
    }
  });
  it("leave out what is over today, and what is the same day", () => {
    expect(names(new Date(2026, 10, 17, 9))).toEqual(["laterToday", "thisEvening", "tomorrowMorning", "atTheWeekend", "nextWeek"]);
    expect(names(new Date(2026, 10, 17, 20))).toEqual(["tomorrowMorning", "atTheWeekend", "nextWeek"]);
    expect(names(new Date(2026, 10, 20, 20))).toEqual(["tomorrowMorning", "nextWeek"]);
    expect(names(new Date(2026, 10, 22, 20))).toEqual(["tomorrowMorning", "atTheWeekend"]);
  });
  it("are written as JMAP has them", () => {
    expect(utcDate(new Date(0))).toBe("1970-01-01T00:00:00Z");
    expect(inDays(new Date(0), 3).getTime()).toBe(3 * 86_400_000);
  });
});
