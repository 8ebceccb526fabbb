// The keys in this browser: one's own, locked by its passphrase, and those of correspondents. They stay when
// one signs out: the secret one is worth nothing without its passphrase. Unlocked, it is only in memory.
import type { Key, PrivateKey, PublicKey } from "openpgp";
import { json } from "../../lib/http";
import { octets } from "./mime";
import { place } from "./wkd";

const NAME = "merpati-keys";
const STORE = "keys";
export type OpenPgp = typeof import("openpgp");

let loading: Promise<OpenPgp> | null = null;

/** The library: the first who needs it waits for it. */
export function openpgp(): Promise<OpenPgp> {
  loading ??= import("openpgp");
  return loading;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("no IndexedDB"));
  });
}

async function ask<T>(mode: IDBTransactionMode, what: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const db = await open();
  return new Promise((resolve, reject) => {
    const request = what(db.transaction(STORE, mode).objectStore(STORE));
    request.onsuccess = () => resolve(request.result as T);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  }).finally(() => db.close()) as Promise<T>;
}

export function addresses(key: Key): string[] {
  return key.getUserIDs().flatMap((one) => /<([^<>\s]+@[^<>\s]+)>/.exec(one)?.[1] ?? (/^\S+@\S+$/.exec(one)?.[0] ?? [])).map((one) => one.toLowerCase());
}

export function spaced(fingerprint: string): string {
  return fingerprint.toUpperCase().replace(/.{4}(?=.)/g, "$& ");
}

async function here(address: string): Promise<Uint8Array | null> {
  const answer = await fetch(await place(address));
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
}

/** What the server finds, here or in the directory of the address's domain. */
async function found(address: string): Promise<Uint8Array> {
  const { key } = await json<{ key: string }>("GET", `/api/v1/keys/${encodeURIComponent(address)}`);
  return octets(atob(key));
}

/** The keys of one person, who is `me`. */
export class Keys {
  private unlocked: PrivateKey | null = null;

  constructor(readonly me: string) {}

  private own(): string {
    return `own/${this.me.toLowerCase()}`;
  }
  private other(address: string): string {
    return `key/${this.me.toLowerCase()}/${address.toLowerCase()}`;
  }

  async hasOwn(): Promise<boolean> {
    return (await ask<string | undefined>("readonly", (store) => store.get(this.own()))) !== undefined;
  }

  /** One's own key, as it is kept: locked. */
  async secret(): Promise<PrivateKey | null> {
    const kept = await ask<string | undefined>("readonly", (store) => store.get(this.own()));
    return kept === undefined ? null : (await openpgp()).readPrivateKey({ armoredKey: kept });
  }

  get isUnlocked(): boolean {
    return this.unlocked !== null;
  }

  /** One's own key, unlocked before. */
  get ready(): PrivateKey | null {
    return this.unlocked;
  }

  /** False when the passphrase is wrong. */
  async unlock(passphrase: string): Promise<boolean> {
    const privateKey = await this.secret();
    if (privateKey === null) return false;
    try {
      this.unlocked = privateKey.isDecrypted() ? privateKey : await (await openpgp()).decryptKey({ privateKey, passphrase });
      return true;
    } catch {
      return false;
    }
  }

  async generate(name: string, passphrase: string): Promise<void> {
    const library = await openpgp();
    const { privateKey } = await library.generateKey({ type: "ecc", userIDs: [{ name, email: this.me }], passphrase, format: "object" });
    await this.put(privateKey);
  }

  /** Take in a secret key; null: it is none. A key that is not locked gets the passphrase. */
  async import(armoredKey: string, passphrase: string): Promise<"wrong" | "taken" | null> {
    const library = await openpgp();
    let privateKey: PrivateKey;
    try {
      privateKey = await library.readPrivateKey({ armoredKey });
    } catch {
      return null;
    }
    if (privateKey.isDecrypted()) privateKey = await library.encryptKey({ privateKey, passphrase });
    else
      try {
        await library.decryptKey({ privateKey, passphrase });
      } catch {
        return "wrong";
      }
    await this.put(privateKey);
    return "taken";
  }

  private async put(key: PrivateKey): Promise<void> {
    this.unlocked = null;
    await ask("readwrite", (store) => store.put(key.armor(), this.own()));
  }

  async forgetOwn(): Promise<void> {
    this.unlocked = null;
    await ask("readwrite", (store) => store.delete(this.own()));
  }

  // Of others

  /** Keep the key of a correspondent, if it names the address. */
  async learn(address: string, key: PublicKey): Promise<boolean> {
    if (!addresses(key).includes(address.toLowerCase())) return false;
    await ask("readwrite", (store) => store.put(key.toPublic().armor(), this.other(address)));
    return true;
  }

  /**
   * The key of an address: one's own, one that is kept, or what the directory of this server has; for a
   * letter to it also what its own domain publishes. Not for reading: the sender would learn of it.
   */
  async of(address: string, anywhere = false): Promise<PublicKey | null> {
    const library = await openpgp();
    if (address.toLowerCase() === this.me.toLowerCase()) return (await this.secret())?.toPublic() ?? null;
    const kept = await ask<string | undefined>("readonly", (store) => store.get(this.other(address)));
    if (kept !== undefined) return library.readKey({ armoredKey: kept });
    try {
      const binaryKey = anywhere ? await found(address) : await here(address);
      if (binaryKey === null) return null;
      const key = await library.readKey({ binaryKey });
      return (await this.learn(address, key)) ? key : null;
    } catch {
      return null;
    }
  }

  async others(): Promise<string[]> {
    const names = await ask<string[]>("readonly", (store) => store.getAllKeys(IDBKeyRange.bound(this.other(""), `${this.other("")}\uffff`)));
    return names.map((one) => one.slice(this.other("").length));
  }

  async forget(address: string): Promise<void> {
    await ask("readwrite", (store) => store.delete(this.other(address)));
  }
}

let mine: Keys | null = null;

/** The keys of the person who has signed in. */
export function keysOf(me: string): Keys {
  if (mine?.me !== me) mine = new Keys(me);
  return mine;
}
