// Requests to our own server: JSON there and back, the access token with each, faults as one type.
import { accessToken, renew, signedOut } from "./auth.svelte";

/** An answer that is not a success, or none at all (status 0: offline). */
export class HttpFault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly problem: Record<string, unknown> = {},
  ) {
    super(detail);
    this.name = "HttpFault";
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

async function faultOf(answer: Response): Promise<HttpFault> {
  try {
    const problem = (await answer.json()) as Record<string, unknown>;
    const code = String(problem["code"] ?? problem["type"] ?? "");
    return new HttpFault(answer.status, code, String(problem["detail"] ?? ""), problem);
  } catch {
    return new HttpFault(answer.status, "", answer.statusText);
  }
}

/** fetch, with the token; renews it once when it is refused. Throws HttpFault. */
export async function send(url: string, init: RequestInit = {}): Promise<Response> {
  for (let again = false; ; again = true) {
    const headers = new Headers(init.headers);
    const token = accessToken();
    if (token !== "") headers.set("authorization", token);
    let answer: Response;
    try {
      answer = await fetch(url, { ...init, headers, credentials: "same-origin" });
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") throw problem;
      throw new HttpFault(0, "offline", "offline");
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && token !== "") {
      if (!again && (await renew())) continue;
      signedOut();
    }
    throw await faultOf(answer);
  }
}

/** A JSON request. `T` is what the documentation of the address says comes back. */
export async function json<T>(method: string, url: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { accept: "application/json", "content-type": "application/json" };
  }
  const answer = await send(url, init);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}
