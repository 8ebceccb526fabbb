import { describe, expect, it } from "vitest";
import { recipients, summary, type Step } from "../../../src/mail/compose/delivery";
import { fromField, sendTimes, toField } from "../../../src/mail/time/times";

const step = (at: number, kind: string, about: string): Step => ({ at, kind, about, text: "", advice: "", facts: {} });
const road = (...steps: Step[]): Parameters<typeof recipients>[0] => ({ trace: "t", at: 0, sender: "a@a", subject: "", messageId: "", steps });

describe("delivery", () => {
  it("tells how things stand for each recipient", () => {
    const found = recipients(road(
      step(1, "submitted", "a@a"), step(1, "named", "<x@a>"), step(1, "delivered", "B@a"), step(1, "queued", "c@c"), step(1, "queued", "d@d"),
      step(2, "deferred", "c@c"), step(3, "deferred", "c@c"), step(4, "sent", "C@c"), step(5, "failed", "d@d"), step(5, "returned", "a@a"), step(6, "queued", "e@e"),
    ));
    expect(found.map((one) => [one.address.toLowerCase(), one.tone, one.tries])).toEqual([
      ["b@a", "good", 0], ["c@c", "good", 2], ["d@d", "bad", 0], ["e@e", "wait", 0],
    ]);
    expect(summary(found)).toEqual({ done: 2, waiting: 1, failed: 1 });
  });
});

describe("later", () => {
  it("offers times that are to come", () => {
    for (let hour = 0; hour < 24; hour++)
      for (let day = 1; day <= 7; day++) {
        const now = new Date(2026, 10, day, hour, 30);
        for (const [name, time] of sendTimes(now)) expect(time.getTime(), name).toBeGreaterThan(now.getTime());
        expect(new Set(sendTimes(now).map(([, time]) => time.getTime())).size).toBe(sendTimes(now).length);
      }
  });
  it("goes through a field and back", () => {
    const time = new Date(2026, 10, 22, 9, 5);
    expect(fromField(toField(time))).toEqual(time);
    expect(fromField("")).toBeNull();
  });
});
