/** Where GraphiQL remembers its tabs: apart for each user, and apart from other GraphiQLs of the same address. */

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem" | "clear" | "length">;

/** The browser's storage, for one user. */
export function storageOf(userId: string, storage: Storage = localStorage): Store {
  const prefix = `codelab:${userId}:`;
  const ours = (): string[] => Object.keys(storage).filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => storage.getItem(prefix + key),
    setItem: (key, value) => storage.setItem(prefix + key, value),
    removeItem: (key) => storage.removeItem(prefix + key),
    clear: () => {
      for (const key of ours()) storage.removeItem(key);
    },
    get length() {
      return ours().length;
    },
  };
}

/** A visitor's storage lasts as long as the page: their variables hold a password. */
export function fleetingStorage(): Store {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
    get length() {
      return items.size;
    },
  };
}
