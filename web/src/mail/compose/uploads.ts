// Files on their way to the server, a few at once.
import { upload } from "../../lib/jmap/blobs";
import type { Jmap } from "../../lib/jmap/client";
import type { Attachment } from "./letter";

const AT_ONCE = 3;

export function attachment(file: File, isInline: boolean): Attachment {
  return {
    key: crypto.randomUUID(), name: file.name || "file", type: file.type || "application/octet-stream", size: file.size,
    blobId: null, cid: isInline ? `${crypto.randomUUID()}@merpati` : null, progress: 0, fault: null,
  };
}

/** Uploads in the order in which they are asked for; `tell` gets what has changed of one. */
export class Uploads {
  private waiting: (() => Promise<void>)[] = [];
  private running = 0;
  private readonly stops = new Map<string, AbortController>();

  constructor(private readonly jmap: Jmap, private readonly account: string, private readonly tell: (key: string, change: Partial<Attachment>) => void) {}

  add(key: string, file: Blob, failed: string): void {
    const stop = new AbortController();
    this.stops.set(key, stop);
    this.waiting.push(async () => {
      if (stop.signal.aborted) return;
      try {
        const { blobId, size } = await upload(this.jmap, this.account, file, (progress) => this.tell(key, { progress }), stop.signal);
        this.tell(key, { blobId, size, progress: 1, fault: null });
      } catch {
        if (!stop.signal.aborted) this.tell(key, { fault: failed });
      } finally {
        this.stops.delete(key);
      }
    });
    this.next();
  }

  stop(key: string): void {
    this.stops.get(key)?.abort();
    this.stops.delete(key);
  }

  private next(): void {
    while (this.running < AT_ONCE) {
      const work = this.waiting.shift();
      if (work === undefined) return;
      this.running++;
      void work().finally(() => {
        this.running--;
        this.next();
      });
    }
  }
}
