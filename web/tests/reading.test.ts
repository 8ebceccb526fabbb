import { describe, expect, it } from "vitest";
import type { Email } from "../src/lib/jmap/types";
import { pieces } from "../src/mail/list/marks";
import { blocks, spans } from "../src/mail/read/plain";
import { looksLike, organisation, verdict } from "../src/mail/read/verdict";

describe("plain text", () => {
  it("is cut where the depth of quotation changes", () => {
    expect(blocks("a\n> b\n> c\n>> d\ne").map((one) => [one.depth, one.text])).toEqual([
      [0, "a"],
      [1, "b\nc"],
      [2, "d"],
      [0, "e"],
    ]);
  });
  it("has links without the full stop after them", () => {
    expect(spans("see https://a.example/x(y). Or ani@a.id!").filter((one) => one.href)).toEqual([
      { text: "https://a.example/x(y)", href: "https://a.example/x(y)" },
      { text: "ani@a.id", href: "mailto:ani@a.id" },
    ]);
  });
});

describe("a search snippet", () => {
  it("is text with marks, whatever else it says", () => {
    expect(pieces("a &lt;b&gt; <mark>c</mark><img>")).toEqual([
      { text: "a <b> ", marked: false },
      { text: "c", marked: true },
      { text: "<img>", marked: false },
    ]);
  });
});

describe("who sent it", () => {
  const email = (results: string): Email =>
    ({ from: [{ name: null, email: "x@mail.bank.co.id" }], "header:Authentication-Results:asText:all": [results, "forged; dmarc=pass"] }) as unknown as Email;
  it("is told by the topmost field alone", () => {
    expect(verdict(email("mx; dmarc=fail header.from=bank.co.id"))?.kind).toBe("failed");
    expect(verdict(email("mx; dmarc=pass"))?.kind).toBe("passed");
    expect(verdict(email("mx; dmarc=none; dkim=pass header.d=bank.co.id"))?.kind).toBe("passed");
    expect(verdict(email("mx; dmarc=none; dkim=pass header.d=evil.co.id"))?.kind).toBe("unknown");
  });
  it("knows what somebody registered", () => {
    expect(organisation("a.b.co.id")).toBe("b.co.id");
    expect(organisation("a.b.example")).toBe("b.example");
  });
  it("sees a domain that only looks like ours", () => {
    expect(looksLike("rnerpati.test", ["merpati.test"])).toBe("merpati.test");
    expect(looksLike("merpatl.test", ["merpati.test"])).toBe("merpati.test");
    expect(looksLike("merpati-login.test", ["merpati.test"])).toBe("merpati.test");
    expect(looksLike("mail.merpati.test", ["merpati.test"])).toBeNull();
    expect(looksLike("example.org", ["merpati.test"])).toBeNull();
  });
});
