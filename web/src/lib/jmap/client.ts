// A JMAP client: calls made in the same turn go in one request, and may refer to one another.
//
//   const found = jmap.call<QueryAnswer>("Email/query", { accountId, filter });
//   const got = jmap.call<GetAnswer<EmailHead>>("Email/get", { accountId, "#ids": found.at("/ids") });
//   const { list } = await got;
import { HttpFault, json } from "../http";
import type { Session } from "./types";

export const MAIL = "urn:ietf:params:jmap:mail";
export const SUBMISSION = "urn:ietf:params:jmap:submission";

/** A method that was answered with an error (RFC 8620 3.6.2). */
export class MethodError extends Error {
  constructor(
    readonly method: string,
    readonly type: string,
    readonly told: Record<string, unknown>,
  ) {
    super(String(told["description"] ?? type));
    this.name = "MethodError";
  }
}

export interface Reference {
  resultOf: string;
  name: string;
  path: string;
}

/** The promise of one answer, which other calls of the same turn can refer to. */
export class Call<T> implements PromiseLike<T> {
  readonly done: Promise<T>;
  resolve!: (answer: T) => void;
  reject!: (problem: unknown) => void;

  constructor(
    readonly name: string,
    readonly args: Record<string, unknown>,
    readonly id: string,
  ) {
    this.done = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // What nobody waits for fails quietly: the call that refers to it tells.
    this.done.catch(() => undefined);
  }

  /** A result reference to this answer, as the value of an argument `#name`. */
  at(path: string): Reference {
    return { resultOf: this.id, name: this.name, path };
  }

  then<A = T, B = never>(
    yes?: ((answer: T) => A | PromiseLike<A>) | null,
    no?: ((problem: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.done.then(yes, no);
  }
}

interface Response {
  methodResponses: [string, Record<string, unknown>, string][];
  sessionState: string;
}

export class Jmap {
  private waiting: Call<unknown>[] = [];
  private count = 0;
  /** Called with the state of the session object whenever it is not the one we know. */
  onSession: (() => void) | null = null;

  constructor(readonly session: Session) {}

  static async connect(): Promise<Jmap> {
    return new Jmap(await json<Session>("GET", "/jmap/session"));
  }

  /** The account of one's own. */
  get account(): string {
    return this.session.primaryAccounts[MAIL] ?? Object.keys(this.session.accounts)[0] ?? "";
  }

  supports(capability: string): boolean {
    return capability in this.session.capabilities;
  }

  limit(name: string, otherwise: number): number {
    const told = this.session.capabilities["urn:ietf:params:jmap:core"]?.[name];
    return typeof told === "number" ? told : otherwise;
  }

  /** Queue a call; it goes out with all others of this turn. Rejects with MethodError, HttpFault. */
  call<T>(name: string, args: Record<string, unknown>): Call<T> {
    const made = new Call<T>(name, args, `c${this.count}`);
    this.count += 1;
    this.waiting.push(made as Call<unknown>);
    if (this.waiting.length === 1) queueMicrotask(() => void this.flush());
    return made;
  }

  private async flush(): Promise<void> {
    const calls = this.waiting;
    this.waiting = [];
    const most = this.limit("maxCallsInRequest", 16);
    // Calls that refer to one another are made together, well below the limit, so that
    // cutting at the limit is for floods only.
    for (let at = 0; at < calls.length; at += most) await this.post(calls.slice(at, at + most));
  }

  private async post(calls: Call<unknown>[]): Promise<void> {
    let answer: Response;
    try {
      answer = await json<Response>("POST", new URL(this.session.apiUrl, location.href).pathname, {
        using: Object.keys(this.session.capabilities),
        methodCalls: calls.map((one) => [one.name, one.args, one.id]),
      });
    } catch (problem) {
      for (const one of calls) one.reject(problem);
      return;
    }
    if (answer.sessionState !== this.session.state) this.onSession?.();
    const byId = new Map(calls.map((one) => [one.id, one]));
    for (const [name, told, id] of answer.methodResponses) {
      const one = byId.get(id);
      if (one === undefined) continue;
      if (name === "error") one.reject(new MethodError(one.name, String(told["type"]), told));
      else if (name === one.name) one.resolve(told);
      // Implicit calls (an Email/set after EmailSubmission/set) answer under the same id.
    }
    for (const one of calls)
      one.reject(new HttpFault(500, "no-answer", `${one.name} was not answered`));
  }
}
