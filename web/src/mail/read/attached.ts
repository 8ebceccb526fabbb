// A file that came with a message, wherever it is: on the server, or in what was decrypted here.
import { download } from "../../lib/jmap/blobs";
import type { BodyPart, Id } from "../../lib/jmap/types";
import { mail } from "../state/mail.svelte";
import { t } from "../texts";

export interface Attached {
  /** What it is called where it is shown. */
  title: string;
  /** What it is called where it is saved. */
  name: string;
  type: string;
  /** In bytes. */
  size: number;
  /** On the server; null: the server has not seen it. */
  blobId: Id | null;
  get: () => Promise<Blob>;
}

export function attached(account: Id, part: BodyPart): Attached {
  const { type, size, blobId } = part;
  const given = part.name?.trim() ?? "";
  const name = given || (type === "message/rfc822" ? "message.eml" : "file");
  const title = given || (type === "message/rfc822" ? t.nestedMessage : type);
  const get = (): Promise<Blob> => {
    if (mail.jmap === null || blobId === null) throw new Error(t.notOffline);
    return download(mail.jmap, account, blobId, { type, name });
  };
  return { title, name, type, size, blobId, get };
}
