// An answer as rows: the first list of objects in it, one row each, nested objects as dotted columns.
// The same rows become CSV.
import { type Node, text, walk } from "./answer";

export interface Table {
  columns: string[];
  rows: string[][];
}

const isNode = (value: unknown): value is Node => value !== null && typeof value === "object" && !Array.isArray(value);

/** The list with the most objects among those that lie highest. */
export function rowsOf(data: unknown): Node[] {
  let level: unknown[] = [data];
  while (level.length > 0) {
    const lists = level
      .flatMap((value) => (isNode(value) ? Object.values(value) : []))
      .filter((value): value is Node[] => Array.isArray(value) && value.some(isNode));
    if (lists.length > 0) return lists.reduce((most, list) => (list.length > most.length ? list : most)).filter(isNode).map(unwrapped);
    level = level.flatMap((value) => (isNode(value) ? Object.values(value) : []));
  }
  const single = isNode(data) ? Object.values(data).filter(isNode) : [];
  return single.map(unwrapped);
}

/** A connection's edge is its node. */
const unwrapped = (row: Node): Node => (isNode(row.node) ? row.node : row);

function flatten(value: unknown, name: string, into: Map<string, string>): void {
  if (Array.isArray(value)) {
    const inside = value.map((one) => (isNode(one) ? unwrapped(one) : one));
    // Pairs, such as properties and key-values, are columns of their own: that is what people look for.
    if (inside.length > 0 && inside.every((one) => isNode(one) && keyOf(one) !== undefined)) {
      for (const one of inside as Node[]) into.set(join(name, keyOf(one) ?? ""), text(one.value));
    } else into.set(name, inside.map((one) => (isNode(one) ? labelOf(one) : text(one))).join("; "));
  } else if (isNode(value)) {
    const edges = value.edges;
    if (Array.isArray(edges)) {
      if ("totalCount" in value) into.set(join(name, "totalCount"), text(value.totalCount));
      flatten(edges, name, into);
    } else for (const [key, one] of Object.entries(value)) flatten(one, join(name, key), into);
  } else into.set(name, text(value));
}

const join = (name: string, key: string) => (name ? `${name}.${key}` : key);
const keyOf = (node: Node) => {
  const key = node.key ?? node.code;
  return typeof key === "string" && "value" in node ? key : undefined;
};

function labelOf(node: Node): string {
  const parts: string[] = [];
  walk(node, (inner) => {
    for (const value of Object.values(inner)) if (value !== null && typeof value !== "object") parts.push(text(value));
  });
  return parts.join(" ");
}

/** Lay an answer out in rows. */
export function tabulate(data: unknown): Table {
  const flat = rowsOf(data).map((row) => {
    const cells = new Map<string, string>();
    flatten(row, "", cells);
    return cells;
  });
  const columns = [...new Set(flat.flatMap((cells) => [...cells.keys()]))];
  return { columns, rows: flat.map((cells) => columns.map((column) => cells.get(column) ?? "")) };
}

/** Write a table as CSV (RFC 4180); a cell that a spreadsheet would run as a formula gets an apostrophe. */
export function csvOf({ columns, rows }: Table): string {
  const cell = (value: string) => {
    const safe = /^[=+\-@\t\r]/.test(value) && !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
