// What survives a crash of the browser, or waits for a connection: letters in IndexedDB.
import { drop, keep, kept, recall } from "../../lib/cache";
import { leaving } from "../../lib/auth.svelte";
import type { Letter } from "./letter";
import type { When } from "./sending";

export interface Waiting {
  letter: Letter;
  when: When;
  since: number;
  fault: string | null;
}
interface Unfinished {
  letter: Letter;
  at: number;
}

const UNFINISHED = "compose/";
const OUTBOX = "outbox/";
const OLD = 14 * 86_400_000; // ms after which nobody asks for what was not finished

export async function keepUnfinished(letter: Letter): Promise<void> {
  await keep({ [UNFINISHED + letter.key]: { letter: plain(letter), at: Date.now() } satisfies Unfinished });
}

export async function finished(key: string): Promise<void> {
  await drop(UNFINISHED + key);
}

/** Letters that were being written when the page went away. */
export async function unfinished(): Promise<Letter[]> {
  const names = await kept(UNFINISHED);
  const found = await recall<Unfinished>(...names);
  const old = names.filter((_, n) => (found[n]?.at ?? 0) < Date.now() - OLD);
  if (old.length > 0) await drop(...old);
  return found.flatMap((one) => (one !== undefined && one.at >= Date.now() - OLD ? [one.letter] : []));
}

export async function keepWaiting(one: Waiting): Promise<void> {
  await keep({ [OUTBOX + one.letter.key]: { ...one, letter: plain(one.letter) } });
}

export async function sentOut(key: string): Promise<void> {
  await drop(OUTBOX + key);
}

export async function outbox(): Promise<Waiting[]> {
  const found = await recall<Waiting>(...(await kept(OUTBOX)));
  return found.filter((one) => one !== undefined).sort((a, b) => a.since - b.since);
}

/** Without the proxies of Svelte, which no data base takes. */
function plain(letter: Letter): Letter {
  return JSON.parse(JSON.stringify(letter)) as Letter;
}

leaving.push(async () => {
  for (const prefix of [UNFINISHED, OUTBOX]) await drop(...(await kept(prefix)));
});
