// The experimental design in an answer as a graph: entity → sample → test sample → data or images. One
// vertex per sample while there are few, else one per type with the number of objects in it.
import { type Node, text, walk } from "./answer";
import { ID, TYPE } from "./enrichment";

export interface Vertex {
  key: string;
  label: string;
  kind: "sample" | "omics" | "images";
  detail: string;
}
export interface Design {
  vertices: Vertex[];
  edges: [string, string][];
  grouped: boolean;
}

interface Found {
  node: Node;
  type: string;
}

const UP = new Set(["parents", "ancestors", "subject"]);
const DOWN = new Set(["children", "descendants"]);
const FEW = 40;

const isSample = (node: unknown): node is Node => node !== null && typeof node === "object" && (node as Node)[TYPE] === "Sample";
const typeOf = (node: Node) => text((node.type as Node | undefined)?.code);

/** Read samples, what they come from, and what was measured on them; null where there are none. */
export function designOf(data: unknown): Design | null {
  const samples = new Map<string, Found>();
  const lineage = new Set<string>(); // "above\nbelow"
  const measured = new Map<string, { kind: "omics" | "images"; label: string; sample: string; count: number }>();
  walk(data, (node) => {
    if (!isSample(node)) return;
    const id = remember(samples, node);
    for (const [name, value] of Object.entries(node)) {
      const relatives = (Array.isArray(value) ? value : [value]).filter(isSample);
      // `ancestors` may skip a level; that is what the answer says, and so what is drawn.
      for (const relative of relatives) {
        const other = remember(samples, relative);
        if (UP.has(name)) lineage.add(`${other}\n${id}`);
        else if (DOWN.has(name)) lineage.add(`${id}\n${other}`);
      }
    }
    for (const one of (node.omicsDatasets as Node[] | null | undefined) ?? []) {
      const label = typeOf(one) || "omics data";
      add(measured, `o ${id} ${label}`, { kind: "omics", label, sample: id });
    }
    const dataset = (node.imageDataset ?? (node.imaging as Node | undefined)?.dataset) as Node | null | undefined;
    if (dataset) add(measured, `i ${id}`, { kind: "images", label: "image dataset", sample: id });
  });
  if (samples.size === 0) return null;
  return samples.size <= FEW ? single(samples, lineage, measured) : grouped(samples, lineage, measured);
}

type Measured = Map<string, { kind: "omics" | "images"; label: string; sample: string; count: number }>;

function add(measured: Measured, key: string, made: { kind: "omics" | "images"; label: string; sample: string }) {
  const known = measured.get(key);
  if (known) known.count += 1;
  else measured.set(key, { ...made, count: 1 });
}

function remember(samples: Map<string, Found>, node: Node): string {
  const id = text(node[ID]);
  const known = samples.get(id);
  if (!known || (!known.type && typeOf(node))) samples.set(id, { node: { ...known?.node, ...node }, type: typeOf(node) });
  return id;
}

function single(samples: Map<string, Found>, lineage: Set<string>, measured: Measured): Design {
  const vertices: Vertex[] = [...samples].map(([key, { node, type }]) => ({ key, label: text(node.code) || "sample", kind: "sample", detail: type }));
  const edges = [...lineage].map((pair) => pair.split("\n") as [string, string]);
  for (const [key, { kind, label, sample, count }] of measured) {
    vertices.push({ key, label, kind, detail: count > 1 ? `${count} data sets` : "" });
    edges.push([sample, key]);
  }
  return { vertices, edges, grouped: false };
}

function grouped(samples: Map<string, Found>, lineage: Set<string>, measured: Measured): Design {
  const level = (id: string) => samples.get(id)?.type || "samples of an unknown type";
  const counts = new Map<string, number>();
  for (const id of samples.keys()) counts.set(level(id), (counts.get(level(id)) ?? 0) + 1);
  const vertices: Vertex[] = [...counts].map(([key, count]) => ({ key, label: key, kind: "sample", detail: `${count} samples` }));
  const edges = new Set([...lineage].map((pair) => pair.split("\n").map(level).join("\n")));
  const sums = new Map<string, { kind: "omics" | "images"; label: string; count: number }>();
  for (const { kind, label, sample, count } of measured.values()) {
    const key = `${kind} ${label}`;
    const sum = sums.get(key);
    sums.set(key, { kind, label, count: (sum?.count ?? 0) + count });
    edges.add(`${level(sample)}\n${key}`);
  }
  for (const [key, { kind, label, count }] of sums) vertices.push({ key, label, kind, detail: `${count} ${kind === "omics" ? "data sets" : "datasets"}` });
  return { vertices, edges: [...edges].map((pair) => pair.split("\n") as [string, string]).filter(([above, below]) => above !== below), grouped: true };
}
