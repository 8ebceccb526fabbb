import { describe, expect, it } from "vitest";
import examples from "./sieve_examples.json";
import { emptyForm, fromForm, problems, toForm, type RuleForm } from "../../../src/mail/settings/sieve/form";
import { SieveFault } from "../../../src/mail/settings/sieve/lexer";
import { parseRules, writeRules, type Rule } from "../../../src/mail/settings/sieve/rules";

describe("rules", () => {
  it.each(examples.map((one, place) => [place, one] as const))("script %i is read and written as the server does", (_, one) => {
    if (one.written === null) {
      expect(() => parseRules(one.script)).toThrow(SieveFault);
      return;
    }
    const sheet = parseRules(one.script);
    const blocks = sheet.blocks.map((block) =>
      block.kind === "rule" ? { name: block.name, enabled: block.enabled, keys: block.keys } : null,
    );
    expect(blocks).toEqual(one.blocks);
    expect(writeRules(sheet)).toBe(one.written);
    expect(writeRules(parseRules(one.written))).toBe(one.written);
  });

  it("has examples of every kind", () => {
    expect(examples.length).toBeGreaterThan(80);
    expect(examples.filter((one) => one.written === null).length).toBeGreaterThanOrEqual(4);
  });
});

const FORM: RuleForm = {
  name: "Invoices",
  enabled: true,
  join: "any",
  conditions: [
    { field: "from", header: "", match: "domain", negated: false, values: ["shop.example", "b.example"], size: 10485760 },
    { field: "recipient", header: "", match: "contains", negated: true, values: ["x\"y"], size: 10485760 },
    { field: "size", header: "", match: "over", negated: false, values: [], size: 5242880 },
    { field: "list", header: "", match: "exists", negated: false, values: [], size: 10485760 },
    { field: "header", header: "x-spam", match: "matches", negated: false, values: ["y*"], size: 10485760 },
    { field: "body", header: "", match: "contains", negated: false, values: ["faktur"], size: 10485760 },
  ],
  actions: [
    { act: "copy", value: "Arsip/Faktur" }, { act: "forwardCopy", value: "a@b.example" },
    { act: "flag", value: "\\Flagged" }, { act: "stop", value: "" },
  ],
};

function asRule(form: RuleForm): Rule {
  return { kind: "rule", name: form.name, branches: fromForm(form), keys: {}, enabled: form.enabled, comments: [] };
}

describe("the form of a rule", () => {
  it("comes back from the script that it wrote, on and off", () => {
    for (const enabled of [true, false]) {
      const form = { ...FORM, enabled };
      const script = writeRules({ blocks: [asRule(form)], requires: [], preamble: [], closing: [] });
      const [read] = parseRules(script).blocks;
      expect(toForm(read as Rule)).toEqual(form);
    }
  });

  it("asks for the extensions of what it does, when it is on", () => {
    const sheet = { blocks: [asRule(FORM)], requires: [], preamble: [], closing: [] };
    expect(writeRules(sheet).split("\r\n")[0]).toBe('require ["body", "copy", "fileinto", "imap4flags"];');
    const off = { ...sheet, blocks: [asRule({ ...FORM, enabled: false })] };
    expect(writeRules(off)).not.toContain("require");
  });

  it("is not offered for what it could not write back", () => {
    for (const body of ["if true { keep; } else { stop; }", "if true { # why\nkeep; }", 'if header :is ["a","b"] "c" { keep; }',
      'if true { fileinto :create "A"; }', "if anyof (allof (true)) { keep; }"]) {
      const [rule] = parseRules(`# rule: A\n${body}`).blocks;
      expect(rule?.kind).toBe("rule");
      expect(toForm(rule as Rule), body).toBeNull();
    }
  });

  it("says what is missing", () => {
    expect(problems(emptyForm())).toEqual(["name", "value", "folder"]);
    expect(problems(FORM)).toEqual([]);
  });
});
