// How a cohort's members spread: one bar chart for each facet, terms by frequency, spans in order.
import * as Plot from "@observablehq/plot";
import { useCallback, useMemo } from "react";
import { type Node, text } from "../answer";
import { cohortsOf } from "../cohort";
import { Drawn, Numbers } from "../Figure";

interface Bucket {
  label: string;
  count: number;
}
interface Facet {
  name: string;
  buckets: Bucket[];
  missing: number | null;
  complete: boolean;
}

function facetsOf(data: unknown): Facet[] {
  return cohortsOf(data)
    .flatMap((cohort) => (cohort.facets as Node[] | null | undefined) ?? [])
    .filter((facet) => Array.isArray(facet.buckets))
    .map((facet) => ({
      name: text(facet.name) || "facet",
      buckets: (facet.buckets as Node[]).map((bucket) => ({ label: text(bucket.label), count: Number(bucket.count) })),
      missing: typeof facet.missing === "number" ? facet.missing : null,
      complete: facet.complete !== false,
    }));
}

function Bars({ facet }: { facet: Facet }) {
  const { name, buckets, missing, complete } = facet;
  const draw = useCallback(
    (width: number) =>
      Plot.plot({
        width,
        height: 24 + buckets.length * 26,
        marginLeft: 150,
        marginRight: 50,
        x: { axis: null, zero: true },
        y: { label: null, domain: buckets.map(({ label }) => label), tickSize: 0, tickFormat: (label: string) => (label.length > 22 ? `${label.slice(0, 21)}…` : label) },
        marks: [
          Plot.barX(buckets, { x: "count", y: "label", fill: "var(--bar)", title: ({ label, count }: Bucket) => `${label}: ${count}` }),
          Plot.text(buckets, { x: "count", y: "label", text: ({ count }: Bucket) => String(count), textAnchor: "start", dx: 6 }),
        ],
      }),
    [buckets],
  );
  if (!complete) return <p className="degraded">{name}: not all is known, so nothing is counted.</p>;
  return (
    <Drawn title={name} draw={draw}>
      {missing ? <p>{missing} without a value</p> : null}
      <Numbers caption={name} columns={["value", "members"]} rows={buckets.map(({ label, count }) => [label, count])} />
    </Drawn>
  );
}

export default function FacetsPanel({ data }: { data: unknown }) {
  const facets = useMemo(() => facetsOf(data), [data]);
  if (facets.length === 0) return <p>No facet in this answer.</p>;
  return facets.map((facet, index) => <Bars key={index} facet={facet} />);
}
