// What is kept in this browser to be read offline: one store of named values in IndexedDB, of one
// person at a time, gone when they sign out. Nothing here is ever needed: all faults are silent.
const NAME = "merpati";
const STORE = "kept";
let opening: Promise<IDBDatabase | null> | null = null;

function open(): Promise<IDBDatabase | null> {
  opening ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opening;
}

/** The values of names, undefined where there is none. */
export async function recall<T>(...names: string[]): Promise<(T | undefined)[]> {
  const db = await open();
  if (db === null) return names.map(() => undefined);
  return new Promise((resolve) => {
    const store = db.transaction(STORE, "readonly").objectStore(STORE);
    const found: (T | undefined)[] = [];
    let left = names.length;
    if (left === 0) resolve(found);
    names.forEach((name, n) => {
      const request = store.get(name);
      const done = (value: T | undefined): void => {
        found[n] = value;
        left -= 1;
        if (left === 0) resolve(found);
      };
      request.onsuccess = () => done(request.result as T | undefined);
      request.onerror = () => done(undefined);
    });
  });
}

/** Keep values under names. */
export async function keep(values: Record<string, unknown>): Promise<void> {
  const db = await open();
  if (db === null) return;
  try {
    const store = db.transaction(STORE, "readwrite").objectStore(STORE);
    for (const [name, value] of Object.entries(values)) store.put(value, name);
  } catch {
    // Full, or not allowed here.
  }
}

/** Every name that begins so. */
export async function kept(prefix: string): Promise<string[]> {
  const db = await open();
  if (db === null) return [];
  return new Promise((resolve) => {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const request = db.transaction(STORE, "readonly").objectStore(STORE).getAllKeys(range);
    request.onsuccess = () => resolve(request.result as string[]);
    request.onerror = () => resolve([]);
  });
}

export async function drop(...names: string[]): Promise<void> {
  const db = await open();
  if (db === null) return;
  const store = db.transaction(STORE, "readwrite").objectStore(STORE);
  for (const name of names) store.delete(name);
}

export async function dropAll(): Promise<void> {
  const db = await open();
  db?.transaction(STORE, "readwrite").objectStore(STORE).clear();
}
