// Text can be read on every ground that it stands on, in light and in dark.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../src/lib/style/tokens.css", import.meta.url), "utf-8");
const [light = "", dark = ""] = css.split(':root[data-theme="dark"]');
const TEXTS = ["text", "text-soft", "text-faint"];
const GROUNDS = ["paper", "surface", "raised", "sunken", "hover", "selected", "accent-soft"];
const OWN = ["warn", "danger", "ok", "second"].map((name): [string, string] => [name, `${name}-soft`]);

function colours(text: string): Map<string, string> {
  return new Map(Array.from(text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g), ([, name = "", value = ""]) => [name, value]));
}

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ["light", colours(light)],
  ["dark", colours(dark)],
])("in %s", (_, all) => {
  const pairs = [...TEXTS.flatMap((text) => GROUNDS.map((ground): [string, string] => [text, ground])), ...OWN, ["accent-ink", "accent-soft"], ["accent-text", "accent"]];
  it.each(pairs as [string, string][])("%s stands out from %s", (text, ground) => {
    expect(contrast(all.get(text) ?? "", all.get(ground) ?? "")).toBeGreaterThanOrEqual(4.5);
  });
});
