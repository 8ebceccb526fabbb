// Keys that do something wherever one is: "j", "g i" (one after the other), "#", "Escape".
export interface Shortcut {
  keys: string;
  act: () => void;
}

const PAUSE = 1_200; // ms between the keys of a sequence

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("dialog, [role=menu]") !== null) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Listen for shortcuts until the function that comes back is called. */
export function listenKeys(find: (keys: string) => Shortcut | undefined, begins: (keys: string) => boolean): () => void {
  let before = "";
  let timer = 0;
  const on = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]") !== null) return;
    // Enter and the space bar belong to the control that has the focus.
    if ((event.key === "Enter" || event.key === " ") && (event.target as Element).closest?.("a, button") !== null) return;
    const keys = before === "" ? event.key : `${before} ${event.key}`;
    before = "";
    clearTimeout(timer);
    const found = find(keys) ?? find(event.key);
    if (found !== undefined) {
      event.preventDefault();
      found.act();
    } else if (begins(`${event.key} `)) {
      before = event.key;
      timer = window.setTimeout(() => (before = ""), PAUSE);
    }
  };
  addEventListener("keydown", on);
  return () => removeEventListener("keydown", on);
}
