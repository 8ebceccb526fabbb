// The script that filters new mail, kept on the server (RFC 9661).
import { download, upload } from "../../lib/jmap/blobs";
import type { GetAnswer, Id, Mailbox, SetAnswer } from "../../lib/jmap/types";
import { mail } from "../state/mail.svelte";

export interface Script {
  id: Id | null;
  name: string;
  text: string;
  isActive: boolean;
}
interface SieveScript {
  id: Id;
  name: string | null;
  blobId: Id;
  isActive: boolean;
}

export const CAPABILITY = "urn:ietf:params:jmap:sieve";
const NAME = "filters";

/** The script that runs, or the one that would be ours; an empty one when there is none. */
export async function load(): Promise<Script> {
  const { jmap, account } = mail;
  const none: Script = { id: null, name: NAME, text: "", isActive: false };
  if (jmap === null) return none;
  const { list } = await jmap.call<GetAnswer<SieveScript>>("SieveScript/get", { accountId: account, ids: null });
  const found = list.find((one) => one.isActive) ?? list.find((one) => one.name === NAME);
  if (found === undefined) return none;
  const blob = await download(jmap, account, found.blobId, { type: "application/sieve", name: "filters.sieve" });
  return { id: found.id, name: found.name ?? NAME, text: await blob.text(), isActive: found.isActive };
}

/** Keep a script, and let it run. Throws Error with what the server says is wrong with it. */
export async function save(script: Script): Promise<Script> {
  const { jmap, account } = mail;
  if (jmap === null) throw new Error("offline");
  const { blobId } = await upload(jmap, account, new Blob([script.text], { type: "application/sieve" }));
  const change = script.id === null ? { create: { made: { name: script.name, blobId } } } : { update: { [script.id]: { blobId } } };
  const answer = await jmap.call<SetAnswer>("SieveScript/set", {
    accountId: account, ...change, onSuccessActivateScript: script.id ?? "#made",
  });
  const refused = Object.values({ ...answer.notCreated, ...answer.notUpdated })[0];
  if (refused !== undefined) throw new Error(refused.description ?? refused.type);
  return { ...script, id: script.id ?? String(answer.created?.["made"]?.["id"]), isActive: true };
}

/** Folders as scripts name them: their names from the top down, with "/" between. */
export function folders(mailboxes: readonly Mailbox[]): string[] {
  const byId = new Map(mailboxes.map((one) => [one.id, one]));
  const path = (one: Mailbox): string => {
    const names: string[] = [];
    for (let at: Mailbox | undefined = one; at !== undefined && names.length < 30; at = at.parentId === null ? undefined : byId.get(at.parentId)) names.unshift(at.role === "inbox" ? "INBOX" : at.name);
    return names.join("/");
  };
  return mailboxes.map(path).sort((a, b) => a.localeCompare(b));
}
