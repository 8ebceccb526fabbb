// What changes at the server, as it changes. EventSource cannot carry our Authorization field, so
// the stream is read with fetch; without a stream the states are asked for now and then.
import { send } from "../http";
import type { Jmap } from "./client";

/** New states by account and data type (RFC 8620 7.1). */
export type Changed = Record<string, Record<string, string>>;

const PING = 30; // seconds; three without any and the stream is taken for dead
const AGAIN_FIRST = 1_000;
const AGAIN_MOST = 60_000;

/** Listen until the function that comes back is called. `onAway` is for asking by oneself. */
export function listen(
  jmap: Jmap,
  types: string[],
  onChanged: (changed: Changed) => void,
  onOnline: (online: boolean) => void,
): () => void {
  const stop = new AbortController();
  void run(jmap, types, onChanged, onOnline, stop.signal);
  return () => stop.abort();
}

async function run(
  jmap: Jmap,
  types: string[],
  onChanged: (changed: Changed) => void,
  onOnline: (online: boolean) => void,
  stop: AbortSignal,
): Promise<void> {
  const told = jmap.session.eventSourceUrl
    .replace("{types}", encodeURIComponent(types.join(",")))
    .replace("{closeafter}", "no")
    .replace("{ping}", String(PING));
  const at = new URL(told, location.href);
  let wait = AGAIN_FIRST;
  while (!stop.aborted) {
    // A page that is kept for the back button lets its stream go: with six of them the browser
    // would have no connection to this server left.
    const here = new AbortController();
    const leave = (): void => here.abort();
    stop.addEventListener("abort", leave);
    addEventListener("pagehide", leave);
    try {
      const answer = await send(at.pathname + at.search, {
        headers: { accept: "text/event-stream" },
        signal: here.signal,
      });
      if (answer.body === null) throw new Error("no stream");
      onOnline(true);
      onChanged({}); // something may have changed while nobody listened
      wait = AGAIN_FIRST;
      await events(answer.body, stop, (name, data) => {
        if (name === "state") onChanged((JSON.parse(data) as { changed: Changed }).changed);
      });
    } catch {
      if (stop.aborted) return;
      if (!here.signal.aborted) {
        onOnline(navigator.onLine);
        onChanged({});
      }
    } finally {
      stop.removeEventListener("abort", leave);
      removeEventListener("pagehide", leave);
    }
    await sleep(wait * (0.7 + Math.random() * 0.6), stop);
    wait = Math.min(wait * 2, AGAIN_MOST);
  }
}

/** Reads server-sent events (HTML, 9.2) until the stream ends or goes silent. */
export async function events(
  body: ReadableStream<Uint8Array>,
  stop: AbortSignal,
  on: (name: string, data: string) => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let buffer = "";
  let name = "";
  let data: string[] = [];
  for (;;) {
    let silent = 0;
    const silence = new Promise<never>((_, reject) => {
      silent = window.setTimeout(() => reject(new Error("silent")), PING * 3_000);
    });
    const { done, value } = await Promise.race([reader.read(), silence]).finally(() =>
      clearTimeout(silent),
    );
    if (done || stop.aborted) {
      await reader.cancel().catch(() => undefined);
      return;
    }
    buffer += value;
    const lines = buffer.split(/\r\n|\n|\r/);
    buffer = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) on(name || "message", data.join("\n"));
        name = "";
        data = [];
      } else if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
  }
}

function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    addEventListener("online", wake);
    stop.addEventListener("abort", wake);
  });
}
