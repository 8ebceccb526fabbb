// Files by blob id: down to Blobs and data: URLs, up with progress.
import { accessToken } from "../auth.svelte";
import { HttpFault, send } from "../http";
import type { Jmap } from "./client";

/** The address of a blob on this server. It wants the access token, so no link can use it. */
export function blobPath(jmap: Jmap, account: string, blob: string, type: string, name: string): string {
  const values: Record<string, string> = { accountId: account, blobId: blob, type, name };
  const url = jmap.session.downloadUrl.replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(values[key] ?? ""),
  );
  const at = new URL(url, location.href);
  return at.pathname + at.search;
}

export async function download(
  jmap: Jmap,
  account: string,
  blob: string,
  { type = "application/octet-stream", name = "file" }: { type?: string; name?: string } = {},
): Promise<Blob> {
  const answer = await send(blobPath(jmap, account, blob, type, name || "file"));
  return new Blob([await answer.arrayBuffer()], { type });
}

/** Let the browser save a file under a name. */
export function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(new Blob([file], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
}

export interface Uploaded {
  accountId: string;
  blobId: string;
  type: string;
  size: number;
}

/** Upload a file; `progress` gets the share that is done, 0 to 1. Rejects with HttpFault. */
export function upload(
  jmap: Jmap,
  account: string,
  file: Blob,
  progress: (share: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Uploaded> {
  const path = new URL(
    jmap.session.uploadUrl.replace("{accountId}", encodeURIComponent(account)),
    location.href,
  ).pathname;
  // fetch tells nothing of the progress of an upload.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("authorization", accessToken());
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status === 201 || request.status === 200) resolve(request.response as Uploaded);
      else {
        const told = (request.response ?? {}) as Record<string, unknown>;
        reject(new HttpFault(request.status, String(told["type"] ?? ""), String(told["detail"] ?? "")));
      }
    };
    request.onerror = () => reject(new HttpFault(0, "offline", "offline"));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
