import { describe, expect, it } from "vitest";
import { format, isAddress, lookAlike, once, parseAddresses, skeleton } from "../../../src/mail/compose/addresses";

describe("addresses", () => {
  it("are found in what people paste", () => {
    const text = 'Ani <ani@a.example>, "Budi, S.H." <budi@b.example>; c@c.example\nd@d.example e@e.example\tmailto:f@f.example';
    expect(parseAddresses(text)).toEqual([
      { name: "Ani", email: "ani@a.example" }, { name: "Budi, S.H.", email: "budi@b.example" },
      { name: null, email: "c@c.example" }, { name: null, email: "d@d.example" },
      { name: null, email: "e@e.example" }, { name: null, email: "f@f.example" },
    ]);
    expect(parseAddresses(" ,; ")).toEqual([]);
  });

  it("are read back from how they are written", () => {
    for (const one of [{ name: 'A "B", C\\', email: "a@b.example" }, { name: null, email: "x@y.example" }, { name: "Ñandú", email: "n@b.example" }])
      expect(parseAddresses(format(one))).toEqual([one]);
  });

  it("have a form", () => {
    for (const good of ["a@b", "a.b+c@sub.example", "ü@bücher.example", "o'neill@x.example"]) expect(isAddress(good), good).toBe(true);
    for (const bad of ["a", "a@", "@b", "a b@c.d", "a@-b.c", "a@b..c", `${"x".repeat(70)}@b.c`, "a@b@c"]) expect(isAddress(bad), bad).toBe(false);
  });

  it("are taken once", () => {
    const some = [{ name: null, email: "A@b.c" }, { name: "x", email: "a@B.c" }, { name: null, email: "me@b.c" }];
    expect(once(some, ["ME@b.c"])).toEqual([some[0]]);
  });

  it("do not take long when they are hostile", () => {
    const began = performance.now();
    for (const text of ['"'.repeat(20000), "<".repeat(20000), "a@b ".repeat(5000) + "<", "\\".repeat(20000), " ".repeat(20000) + "@"]) parseAddresses(text);
    isAddress("a@" + "a-".repeat(100000));
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe("domains that look like others", () => {
  const known = ["merpati.example", "contoh.co.id", "pt-maju.example"];
  it.each([
    ["rnerpati.example", "merpati.example"], ["merpаti.example", "merpati.example"], ["merpat1.example", "merpati.example"],
    ["merpati.exampl", "merpati.example"], ["mrepati.example", "merpati.example"], ["contoh.co.id.evil.example", "contoh.co.id"],
    ["contoh-co-id.example", "contoh.co.id"], ["pt-rnaju.example", "pt-maju.example"], ["xn--merpti-6nf.example", "merpati.example"],
  ])("%s is taken for %s", (domain, like) => expect(lookAlike(domain, known)).toBe(like));

  it.each(["merpati.example", "mail.merpati.example", "gmail.com", "example.org", "contoh.or.id"])("%s is not", (domain) => {
    expect(lookAlike(domain, known)).toBeNull();
  });

  it("decode", () => expect(skeleton("xn--bcher-kva.example")).toBe(skeleton("bucher.example")));
});
