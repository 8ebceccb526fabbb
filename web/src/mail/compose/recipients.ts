// Completing addresses from those that were written to before, and those of one's own organisation.
import { json } from "../../lib/http";
import type { Address } from "../../lib/jmap/types";
import { colleagues } from "../state/colleagues";
import { once } from "./addresses";

/** As GET /api/v1/me/correspondents tells. */
export interface Correspondent {
  email: string;
  name: string;
  letters: number;
  lastAt: number;
}

const DAY = 86_400_000;
const FRESH = 5 * 60_000; // ms for which what was told is not asked for again

/** How likely it is that somebody is meant: often, and of late. */
export function weight(one: Correspondent, now: number): number {
  const days = Math.max(0, now - one.lastAt) / DAY;
  return Math.log2(1 + one.letters) + 4 / (1 + days / 14);
}

/** Those whose name or address has words that begin with what was typed, the likely ones first. */
export function matching(known: readonly Correspondent[], typed: string, now: number, most = 8, but: Iterable<string> = []): Correspondent[] {
  const wanted = fold(typed).split(/\s+/).filter((word) => word !== "");
  if (wanted.length === 0) return [];
  const taken = new Set(Array.from(but, (email) => email.toLowerCase()));
  const found: [number, Correspondent][] = [];
  for (const one of known) {
    if (taken.has(one.email)) continue;
    const words = [...fold(one.name).split(/[\s,.'"()-]+/), one.email, ...one.email.split(/[@._+-]/)];
    let score = 0;
    for (const word of wanted) {
      const at = words.findIndex((each) => each.startsWith(word));
      if (at < 0) {
        score = one.email.includes(word) && word.length > 2 ? score - 3 : Number.NEGATIVE_INFINITY;
        if (score === Number.NEGATIVE_INFINITY) break;
      } else if (at === 0 || words[at] === one.email) score += 1;
    }
    if (score > Number.NEGATIVE_INFINITY) found.push([score + weight(one, now), one]);
  }
  return found.sort((a, b) => b[0] - a[0]).slice(0, most).map(([, one]) => one);
}

function fold(text: string): string {
  return text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** What is known of those written to; asked for once, and kept while the page lives. */
export class Known {
  /** Those that were written to. */
  list: Correspondent[] = [];
  /** Colleagues that were not. */
  private others: Correspondent[] = [];
  private asked = 0;

  async load(): Promise<void> {
    if (Date.now() - this.asked < FRESH) return;
    this.asked = Date.now();
    try {
      const near = colleagues();
      this.list = await json<Correspondent[]>("GET", "/api/v1/me/correspondents");
      const met = this.addresses;
      this.others = (await near).filter(({ email }) => !met.has(email)).map((one) => ({ ...one, letters: 0, lastAt: 0 }));
    } catch {
      this.asked = 0; // completing is a comfort: without it one types
    }
  }

  get everybody(): readonly Correspondent[] {
    return [...this.list, ...this.others];
  }

  /** Somebody has just been written to. */
  met(people: Address[]): void {
    const now = Date.now();
    for (const { name, email } of once(people)) {
      const key = email.toLowerCase();
      const before = this.list.find((one) => one.email === key);
      if (before !== undefined) Object.assign(before, { letters: before.letters + 1, lastAt: now });
      else {
        this.others = this.others.filter((one) => one.email !== key);
        this.list.push({ email: key, name: name ?? "", letters: 1, lastAt: now });
      }
    }
  }

  async forget(email: string): Promise<void> {
    this.list = this.list.filter((one) => one.email !== email);
    await json("DELETE", `/api/v1/me/correspondents/${encodeURIComponent(email)}`).catch(() => undefined);
  }

  get addresses(): Set<string> {
    return new Set(this.list.map((one) => one.email));
  }
}

export const known = new Known();
