// Who has signed in. The access token is in memory only; what outlives a reload is a cookie that
// no script can read (docs/reference/http-sign-in.md).
import { json, HttpFault } from "./http";

export interface Person {
  id: string;
  address: string;
  name: string;
  language: string;
  isAdmin: boolean;
}
interface SignedIn {
  accessToken: string;
  expiresIn: number;
  account: Person;
}
export interface SecondStep {
  secondFactor: ("totp" | "passkey" | "recovery")[];
  challenge: string;
}
type Answer = SignedIn | SecondStep;
type State = "unknown" | "out" | "in";

/** `state` is "unknown" until the first /auth/refresh has been answered. */
export const auth: { state: State; person: Person | null } = $state({
  state: "unknown",
  person: null,
});

const HINT = "merpati.signed-in"; // that there may be a cookie; says nothing else
let token = "";
let renewing: Promise<boolean> | null = null;
let timer = 0;

/** The value of Authorization, "" when nobody has signed in. */
export function accessToken(): string {
  return token;
}

function take(answer: SignedIn): void {
  token = `Bearer ${answer.accessToken}`;
  auth.person = answer.account;
  auth.state = "in";
  localStorage.setItem(HINT, JSON.stringify(answer.account));
  clearTimeout(timer);
  timer = window.setTimeout(() => void renew(), Math.max(30, answer.expiresIn - 60) * 1000);
}

/** Sign in; null when it is done, else what is asked for next. Throws HttpFault. */
export async function signIn(
  name: string,
  password: string,
  remember: boolean,
): Promise<SecondStep | null> {
  token = "";
  return step(await json<Answer>("POST", "/auth/sign-in", { name, password, remember }));
}

/** Answer the challenge with a code. Throws HttpFault. */
export async function secondFactor(
  challenge: string,
  kind: "totp" | "recovery",
  code: string,
): Promise<SecondStep | null> {
  return step(await json<Answer>("POST", "/auth/second-factor", { challenge, kind, code }));
}

interface Begun {
  challenge: string;
  publicKey: unknown;
}

/** Sign in with a passkey: alone, or as the second factor of a challenge. Throws HttpFault. */
export async function passkey(challenge: string | null, remember: boolean): Promise<void> {
  const begun = await json<Begun>(
    "POST",
    "/auth/passkey/begin",
    challenge === null ? {} : { challenge },
  );
  const parse = (
    PublicKeyCredential as unknown as {
      parseRequestOptionsFromJSON(given: unknown): PublicKeyCredentialRequestOptions;
    }
  ).parseRequestOptionsFromJSON;
  const found = await navigator.credentials.get({ publicKey: parse(begun.publicKey) });
  if (found === null) throw new HttpFault(401, "auth-failed", "");
  const credential = (found as unknown as { toJSON(): unknown }).toJSON();
  const answer =
    challenge === null
      ? await json<Answer>("POST", "/auth/passkey/finish", {
          challenge: begun.challenge,
          credential,
          remember,
        })
      : await json<Answer>("POST", "/auth/second-factor", {
          challenge: begun.challenge,
          kind: "passkey",
          credential,
        });
  step(answer);
}

function step(answer: Answer): SecondStep | null {
  if ("challenge" in answer) return answer;
  take(answer);
  return null;
}

/** A new access token by the cookie; false when the person has to sign in again. */
export function renew(): Promise<boolean> {
  renewing ??= (async () => {
    try {
      token = "";
      take(await json<SignedIn>("POST", "/auth/refresh", {}));
      return true;
    } catch (problem) {
      // Offline is no reason to forget who was here: what was kept can still be read.
      const kept = localStorage.getItem(HINT);
      if (problem instanceof HttpFault && problem.status !== 401 && kept !== null) {
        auth.person ??= JSON.parse(kept) as Person;
        auth.state = "in";
        return false;
      }
      signedOut();
      return false;
    } finally {
      renewing = null;
    }
  })();
  return renewing;
}

export function signedOut(): void {
  clearTimeout(timer);
  token = "";
  auth.person = null;
  auth.state = "out";
  localStorage.removeItem(HINT);
}

/** Called before everything of an account is forgotten, for those who keep some of it. */
export const leaving: (() => Promise<void> | void)[] = [];

export async function signOut(): Promise<void> {
  try {
    await json("POST", "/auth/sign-out", {});
  } catch {
    // The cookie stays until it expires; this browser forgets everything else anyway.
  }
  for (const forget of leaving) await forget();
  signedOut();
}

/** Whether it is worth asking for a token at all when the page loads. */
export function mayBeSignedIn(): boolean {
  return localStorage.getItem(HINT) !== null;
}
