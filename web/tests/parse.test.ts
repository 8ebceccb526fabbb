import { describe, expect, it } from "vitest";
import type { Mailbox } from "../src/lib/jmap/types";
import { day, filter, size, tokens, without } from "../src/mail/search/parse";

const box = (id: string, name: string, role: string | null = null): Mailbox => ({ id, name, role }) as Mailbox;
const boxes = [box("F1", "INBOX", "inbox"), box("F2", "Junk", "junk"), box("F3", "Proyek")];

describe("what is typed into the search field", () => {
  it("is words and conditions", () => {
    expect(tokens('from:ani "a phrase" rest').map(({ key, value }) => [key, value])).toEqual([
      ["from", "ani"],
      ["", "a phrase"],
      ["", "rest"],
    ]);
  });
  it("is understood in both languages", () => {
    expect(tokens("dari:ani kepada:beno").map((one) => one.key)).toEqual(["from", "to"]);
  });
  it("leaves out junk unless a folder is named", () => {
    expect(filter("halo", boxes)).toEqual({ operator: "AND", conditions: [{ text: "halo" }, { inMailboxOtherThan: ["F2"] }] });
    expect(filter("in:proyek", boxes)).toEqual({ inMailbox: "F3" });
  });
  it("takes what it does not know for words", () => {
    expect(filter("http://a.example in:nowhere", [])).toEqual({ text: "http://a.example in nowhere" });
  });
  it("knows days and sizes", () => {
    expect(day("2026-13-01")).toBeNull();
    expect(day("9/3/2026")).toBe(day("2026-03-09"));
    expect(size("2.5M")).toBe(2_500_000);
    expect(size("x")).toBeNull();
  });
  it("can lose a condition", () => {
    const text = "from:ani has:attachment x";
    const [first] = tokens(text);
    expect(first && without(text, first)).toBe("has:attachment x");
  });
});
