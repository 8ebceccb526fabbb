// Short messages at the foot of the page, with one thing to do about them: most often, undo.
export interface Toast {
  id: number;
  text: string;
  kind: "info" | "fault";
  action?: { label: string; act: () => void };
}

const SECONDS = 7;
let count = 0;
export const toasts: Toast[] = $state([]);

/** Show a message; returns what takes it away. With `seconds` 0 it stays. */
export function toast(
  text: string,
  { kind = "info", action, seconds = SECONDS }: Partial<Omit<Toast, "id" | "text">> & { seconds?: number } = {},
): () => void {
  count += 1;
  const id = count;
  const made: Toast = { id, text, kind };
  if (action !== undefined) made.action = action;
  if (toasts.length >= 3) toasts.shift();
  toasts.push(made);
  const drop = (): void => {
    const at = toasts.findIndex((one) => one.id === id);
    if (at >= 0) toasts.splice(at, 1);
  };
  if (seconds > 0) setTimeout(drop, seconds * 1000);
  return drop;
}
