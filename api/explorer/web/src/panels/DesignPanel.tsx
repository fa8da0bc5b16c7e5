// The design graph of the answer, laid out in layers by dagre.
import { Graph, layout } from "@dagrejs/dagre";
import { useMemo } from "react";
import { Numbers } from "../Figure";
import { type Design, designOf } from "../graph";

const WIDTH = 190;
const HEIGHT = 46;

function place(design: Design) {
  const graph = new Graph().setGraph({ rankdir: "LR", nodesep: 14, ranksep: 60, marginx: 8, marginy: 8 }).setDefaultEdgeLabel(() => ({}));
  for (const { key } of design.vertices) graph.setNode(key, { width: WIDTH, height: HEIGHT });
  for (const [above, below] of design.edges) graph.setEdge(above, below);
  layout(graph);
  return graph;
}

export default function DesignPanel({ data }: { data: unknown }) {
  const design = useMemo(() => designOf(data), [data]);
  const graph = useMemo(() => (design ? place(design) : null), [design]);
  if (!design || !graph) return <p>No sample in this answer.</p>;
  const names = new Map(design.vertices.map(({ key, label }) => [key, label]));
  const { width = 0, height = 0 } = graph.graph();
  const title = design.grouped ? "From subject to data, by type of sample" : "From subject to data";
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div className="scroll" tabIndex={0} role="region" aria-label={title}>
        <svg className="design" width={design.grouped ? "100%" : width} height={design.grouped ? undefined : height} style={{ maxWidth: width }} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title}: ${design.vertices.length} boxes, ${design.edges.length} arrows`}>
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path d="M0 0L8 4L0 8z" />
            </marker>
          </defs>
          {graph.edges().map((edge) => {
            const points = graph.edge(edge).points as { x: number; y: number }[];
            return <path key={`${edge.v} ${edge.w}`} className="edge" d={`M${points.map(({ x, y }) => `${x} ${y}`).join("L")}`} markerEnd="url(#arrow)" />;
          })}
          {design.vertices.map(({ key, label, kind, detail }) => {
            const { x, y } = graph.node(key);
            return (
              <g key={key} className={`vertex ${kind}`} transform={`translate(${x - WIDTH / 2} ${y - HEIGHT / 2})`}>
                <title>{`${label} ${detail}`}</title>
                <rect width={WIDTH} height={HEIGHT} rx="6" />
                <text x="10" y="19">{label.length > 26 ? `${label.slice(0, 25)}…` : label}</text>
                <text x="10" y="36" className="detail">{detail}</text>
              </g>
            );
          })}
        </svg>
      </div>
      <Numbers caption={title} columns={["from", "to"]} rows={design.edges.map(([above, below]) => [names.get(above) ?? "", names.get(below) ?? ""])} />
    </figure>
  );
}
