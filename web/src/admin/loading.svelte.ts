// Something that is asked of the server and shown: the answer, or that it is awaited, or a fault.
import { reason } from "./api";

export class Loading<T> {
  value: T | undefined = $state.raw(undefined);
  fault = $state("");
  busy = $state(false);
  #ask: () => Promise<T>;
  #turn = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Ask; of several questions under way the last one's answer counts. */
  again = async (): Promise<void> => {
    this.#turn += 1;
    const turn = this.#turn;
    this.busy = true;
    try {
      const found = await this.#ask();
      if (turn === this.#turn) {
        this.value = found;
        this.fault = "";
      }
    } catch (problem) {
      if (turn === this.#turn) this.fault = reason(problem);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  };
}

/** Ask at once, and again whenever what `ask` reads before its first await changes. */
export function load<T>(ask: () => Promise<T>): Loading<T> {
  const made = new Loading(ask);
  $effect(() => {
    void made.again();
  });
  return made;
}
