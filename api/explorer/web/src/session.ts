// Who asks. The bearer token becomes a cookie that no script can read (`/explorer/session`); what is kept
// here says only who signed in, where, so that every tab can show it. A password is never kept.
import { useSyncExternalStore } from "react";

export interface Session {
  user: string;
  openbis: boolean;
  omero: boolean;
  expiresAt: string | null;
}

const KEY = "omnibis.session";
// No page of another origin can send this header, so that the cookie counts only for this one.
const OURS = { "X-Omnibis-CSRF": "1" };
const listeners = new Set<() => void>();
let current = read();
let notice = "";

function read(): Session | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

function change(session: Session | null, said: string) {
  current = session;
  notice = said;
  if (session) localStorage.setItem(KEY, JSON.stringify(session));
  else localStorage.removeItem(KEY);
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
  /** Hand the token over for the cookie, and forget it; false where the server does not take it. */
  async begin(begun: Session, token: string): Promise<boolean> {
    const headers = { ...OURS, Authorization: `Bearer ${token}` };
    const response = await fetch("/explorer/session", { method: "POST", headers }).catch(() => null);
    if (!response?.ok) return false;
    change(begun, "");
    return true;
  },
  /** Take the cookie away; `said` tells the user why, where it was not the user's wish. */
  async end(said = ""): Promise<void> {
    change(null, said);
    await fetch("/explorer/session", { method: "DELETE", headers: OURS }).catch(() => null);
  },
};

// What another tab signs in or out is shown here, too.
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  current = read();
  for (const listener of listeners) listener();
});

export const useSession = () => useSyncExternalStore(subscribe, () => current);
export const useNotice = () => useSyncExternalStore(subscribe, () => notice);

/** The headers that make the cookie count. */
export function credentials(): Record<string, string> {
  return OURS;
}
