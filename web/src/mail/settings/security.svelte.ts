// What docs/reference/http-sign-in.md offers to those who have signed in. A request that wants to
// know again who asks is repeated when that has been answered.
import { HttpFault, json } from "../../lib/http";

export interface Me {
  browserOnly: boolean;
  totp: boolean;
  passkeys: number;
  recoveryCodes: number;
  protocols: string[];
}
export interface Passkey {
  id: string;
  name: string;
  createdAt: number;
  usedAt: number;
}
export interface AppPassword {
  id: string;
  name: string;
  protocols: string[];
  networks: string[];
  createdAt: number;
  expiresAt: number;
  usedAt: number;
  usedFrom: string;
  usedFor: string;
}
export interface MadePassword {
  appPassword: AppPassword;
  password: string;
  profile: string;
  qr: string;
}
export interface SessionInfo {
  id: string;
  kind: string;
  client: string;
  current: boolean;
  peer: string;
  createdAt: number;
  usedAt: number;
}
export interface SignIn {
  at: number;
  firstAt: number;
  count: number;
  protocol: string;
  peer: string;
  means: string;
  what: string;
  client: string;
  success: boolean;
}

/** Who waits to be confirmed; the page shows a dialog as long as there is somebody. */
export const asking: { resolve: ((confirmed: boolean) => void) | null } = $state.raw({ resolve: null });
export const confirming = $state({ open: false });

/** Do something that may want a confirmation. Throws HttpFault; `false` when the person gave up. */
export async function confirmed<T>(act: () => Promise<T>): Promise<T | false> {
  for (let tries = 0; ; tries++) {
    try {
      return await act();
    } catch (problem) {
      if (!(problem instanceof HttpFault) || problem.code !== "confirm" || tries > 3) throw problem;
      const answer = await new Promise<boolean>((resolve) => {
        asking.resolve = resolve;
        confirming.open = true;
      });
      confirming.open = false;
      asking.resolve = null;
      if (!answer) return false;
    }
  }
}

export const me = (): Promise<Me> => json<Me>("GET", "/auth/me");
export const setMe = (change: Partial<Pick<Me, "browserOnly">>): Promise<Me> => json<Me>("PATCH", "/auth/me", change);
export const confirm = (answer: Record<string, unknown>): Promise<void> => json("POST", "/auth/confirm", answer);
export const changePassword = (current: string, fresh: string): Promise<void> => json("POST", "/auth/password", { current, new: fresh });

export const beginTotp = (): Promise<{ secret: string; uri: string; qr: string }> => json("POST", "/auth/totp", {});
export const finishTotp = (code: string): Promise<{ recoveryCodes: string[] }> => json("POST", "/auth/totp/confirm", { code });
export const endTotp = (): Promise<void> => json("DELETE", "/auth/totp");
export const newCodes = (): Promise<{ recoveryCodes: string[] }> => json("POST", "/auth/recovery-codes", {});

export const passkeys = async (): Promise<Passkey[]> => (await json<{ passkeys: Passkey[] }>("GET", "/auth/passkeys")).passkeys;
export const removePasskey = (id: string): Promise<void> => json("DELETE", `/auth/passkeys/${encodeURIComponent(id)}`);

/** Make a passkey on this device; the recovery codes if there were none. */
export async function addPasskey(name: string): Promise<string[]> {
  const begun = await json<{ challenge: string; publicKey: unknown }>("POST", "/auth/passkeys/begin", {});
  const parse = (PublicKeyCredential as unknown as { parseCreationOptionsFromJSON(given: unknown): PublicKeyCredentialCreationOptions }).parseCreationOptionsFromJSON;
  const made = await navigator.credentials.create({ publicKey: parse(begun.publicKey) });
  if (made === null) throw new Error("no passkey");
  const credential = (made as unknown as { toJSON(): unknown }).toJSON();
  const done = await json<{ recoveryCodes: string[] }>("POST", "/auth/passkeys", { challenge: begun.challenge, credential, name });
  return done.recoveryCodes;
}

export const appPasswords = async (): Promise<AppPassword[]> => (await json<{ appPasswords: AppPassword[] }>("GET", "/auth/app-passwords")).appPasswords;
export const addAppPassword = (name: string, protocols: string[]): Promise<MadePassword> => json("POST", "/auth/app-passwords", { name, protocols });
export const removeAppPassword = (id: string): Promise<void> => json("DELETE", `/auth/app-passwords/${encodeURIComponent(id)}`);

export const sessions = async (): Promise<SessionInfo[]> => (await json<{ sessions: SessionInfo[] }>("GET", "/auth/sessions")).sessions;
export const endSession = (id: string): Promise<void> => json("DELETE", `/auth/sessions/${encodeURIComponent(id)}`);
export const endOthers = (): Promise<void> => json("DELETE", "/auth/sessions");
export const history = async (): Promise<SignIn[]> => (await json<{ history: SignIn[] }>("GET", "/auth/history?limit=100")).history;

/** "Firefox, Linux" of what a browser calls itself; the name of a program as it is. */
export function clientName(client: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(client.replace(/Chrome(?=.*(?:Edg|OPR)\/)/, ""))?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|CrOS|Linux)/.exec(client)?.[1];
  if (browser === undefined) return client.slice(0, 80);
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system === undefined ? name : `${name}, ${system.replace("Mac OS X", "macOS").replace("CrOS", "ChromeOS")}`;
}

/** An SVG of the server as an image that runs nothing. */
export function svgUrl(svg: string): string {
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
