// The answer on screen: one store that the fetcher writes and the panels read, and how to walk through it.
import { useSyncExternalStore } from "react";
import { TYPE } from "./enrichment";
import type { Answer } from "./server";

export type Node = Record<string, unknown>;
export interface OnScreen {
  answer: Answer;
  milliseconds: number;
}

const listeners = new Set<() => void>();
let current: OnScreen | null = null;

/** Put an answer on screen, with the type of each object in it; null while a question is under way. */
export function show(shown: OnScreen | null) {
  current = shown;
  for (const listener of listeners) listener();
}

export function useAnswer() {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

/** Visit each object of an answer, parents first; `above` are the objects around it, outermost first. */
export function walk(value: unknown, visit: (node: Node, above: Node[]) => void, above: Node[] = []): void {
  if (Array.isArray(value)) for (const one of value) walk(one, visit, above);
  else if (value !== null && typeof value === "object") {
    const node = value as Node;
    visit(node, above);
    const inside = [...above, node];
    for (const one of Object.values(node)) if (one !== null && typeof one === "object") walk(one, visit, inside);
  }
}

/** All objects of a type, in the order of the answer. */
export function nodesOf(value: unknown, type: string): Node[] {
  const found: Node[] = [];
  walk(value, (node) => {
    if (node[TYPE] === type) found.push(node);
  });
  return found;
}

export const text = (value: unknown): string => (value === null || value === undefined ? "" : String(value));
