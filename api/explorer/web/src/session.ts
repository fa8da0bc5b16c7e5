// Who asks. The bearer token lives in this tab's sessionStorage and nowhere else, so that a closed tab
// is a forgotten one; a password is never kept. Components read the session through `useSession`.
import { useSyncExternalStore } from "react";

export interface Session {
  token: string;
  user: string;
  openbis: boolean;
  omero: boolean;
  expiresAt: string | null;
}

const KEY = "omnibis.session";
const listeners = new Set<() => void>();
let current = read();
let notice = "";

function read(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

function change(session: Session | null, said: string) {
  current = session;
  notice = said;
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const session = {
  get current() {
    return current;
  },
  begin(begun: Session) {
    change(begun, "");
  },
  /** Forget the token; `said` tells the user why, where it was not the user's wish. */
  end(said = "") {
    change(null, said);
  },
};

export const useSession = () => useSyncExternalStore(subscribe, () => current);
export const useNotice = () => useSyncExternalStore(subscribe, () => notice);

/** The headers that say who asks. */
export function credentials(): Record<string, string> {
  return current ? { Authorization: `Bearer ${current.token}` } : {};
}
