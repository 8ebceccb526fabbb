import { describe, expect, it } from "vitest";
import { filter } from "../../src/mail/search/parse";

const work = { id: "L1", keyword: "work", name: "Pekerjaan kantor", color: "red" as const };

describe("labels in a search", () => {
  it("are known by their names, else taken as keywords", () => {
    expect(filter('label:"pekerjaan kantor"', [], [work])).toEqual({ hasKeyword: "work" });
    expect(filter("label:work", [], [work])).toEqual({ hasKeyword: "work" });
    expect(filter("label:Other", [], [work])).toEqual({ hasKeyword: "other" });
  });
});
