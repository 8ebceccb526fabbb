// How somebody likes to write, kept in this browser.
export interface Prefs {
  isRich: boolean;
  /** Seconds in which a letter can be taken back; 0: it goes at once. */
  undoSeconds: number;
  /** Where an answer begins: above the quotation, or below it. */
  answer: "above" | "below";
  /** Where the signature stands in an answer. */
  signature: "above" | "below" | "none";
  quotes: boolean;
  warnOutside: boolean;
  replyAll: boolean;
}

const KEPT = "merpati.compose";
export const DEFAULTS: Prefs = {
  isRich: true, undoSeconds: 10, answer: "above", signature: "above", quotes: true, warnOutside: true, replyAll: false,
};

function read(): Prefs {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Prefs>) };
  } catch {
    return DEFAULTS;
  }
}

export const prefs: Prefs = $state(read());

export function setPrefs(changes: Partial<Prefs>): void {
  Object.assign(prefs, changes);
  localStorage.setItem(KEPT, JSON.stringify(prefs));
}
