// What the steps of a message mean for each of its recipients.
export interface Step {
  at: number;
  kind: string;
  about: string;
  text: string;
  advice: string;
  facts: Record<string, string>;
}

/** As GET /api/v1/me/trace tells. */
export interface Road {
  trace: string;
  at: number;
  sender: string;
  subject: string;
  messageId: string;
  steps: Step[];
}

export type Tone = "good" | "bad" | "wait";

export interface Recipient {
  address: string;
  /** The step that says how things stand; null when the address has been handed on to others. */
  last: Step | null;
  tone: Tone;
  tries: number;
}

const TONES: Record<string, Tone> = {
  delivered: "good", sent: "good", obeyed: "good", queued: "wait", deferred: "wait", held: "wait", failed: "bad", refused: "bad",
  dropped: "bad", ended: "bad",
};

/** In the order in which they come up. */
export function recipients(road: Road): Recipient[] {
  const found = new Map<string, Recipient>();
  for (const step of road.steps) {
    const tone = TONES[step.kind];
    if (tone === undefined) continue;
    const key = step.about.toLowerCase();
    const before = found.get(key);
    const tries = (before?.tries ?? 0) + (step.kind === "deferred" ? 1 : 0);
    found.set(key, { address: step.about, last: step, tone, tries });
  }
  return [...found.values()];
}

export function summary(all: readonly Recipient[]): Record<"done" | "waiting" | "failed", number> {
  const count = (tone: Tone): number => all.filter((one) => one.tone === tone).length;
  return { done: count("good"), waiting: count("wait"), failed: count("bad") };
}
