import { describe, expect, it } from "vitest";
import type { EmailHead } from "../../src/lib/jmap/types";
import { mail } from "../../src/mail/state/mail.svelte";

const head = (starred: boolean): EmailHead => ({ id: "E1", keywords: starred ? { $flagged: true } : {} }) as unknown as EmailHead;
const isStarred = (): boolean | undefined => mail.head("a", "E1")?.keywords["$flagged"];

describe("emails that are being changed here", () => {
  it("are not what the server said of them before", () => {
    mail.learn("a", [head(true)]);
    mail.hold("a", ["E1"], Number.POSITIVE_INFINITY);
    mail.learn("a", [head(false)], 5);
    expect(isStarred()).toBe(true);
    mail.hold("a", ["E1"], 10);
    mail.learn("a", [head(false)], 9);
    expect(isStarred()).toBe(true);
    mail.learn("a", [head(false)], 11);
    expect(isStarred()).toBe(undefined);
  });
});
