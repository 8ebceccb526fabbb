// What is to be written. The shell and the reader ask here; the composer, loaded when the first
// asks, takes from `wanted`.
import type { Address, Email, Id } from "../../lib/jmap/types";

export type Intent =
  | { kind: "new"; to?: Address[]; subject?: string; body?: string }
  | {
      kind: "reply" | "replyAll" | "forward" | "forwardAttached" | "redirect" | "draft";
      email: Email;
      account: Id;
    };

/** What was decrypted of a message, for its answer: in memory only. */
export interface Decrypted {
  subject: string | null;
  /** What its sender has signed; null: nobody knows who wrote it, so nobody is to quote it to them. */
  body: { type: "text/html" | "text/plain"; value: string } | null;
}
export const decrypted = new Map<Id, Decrypted>();

class Intents {
  wanted: Intent[] = $state.raw([]);
  /** Whether the composer has been needed yet. */
  begun = $state(false);

  take(): Intent | undefined {
    const [first, ...rest] = this.wanted;
    this.wanted = rest;
    return first;
  }
}

export const intents = new Intents();

/** Begin to write. */
export function compose(intent: Intent): void {
  intents.wanted = [...intents.wanted, intent];
  intents.begun = true;
}
