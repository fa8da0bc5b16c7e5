// Link health: what an audit found, by kind, and the states of the links in the answer.
import * as Plot from "@observablehq/plot";
import { useCallback, useMemo } from "react";
import { type Node, nodesOf, text } from "../answer";
import { Drawn, Numbers } from "../Figure";

interface Count {
  kind: string;
  count: number;
}

const COLOURS: Record<string, string> = { ACTIVE: "var(--good)", RESERVED: "var(--wait)", BROKEN: "var(--bad)", RETIRED: "var(--gone)" };

function counted(values: string[]): Count[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([kind, count]) => ({ kind, count })).sort((one, other) => other.count - one.count);
}

function Bars({ title, counts }: { title: string; counts: Count[] }) {
  const draw = useCallback(
    (width: number) =>
      Plot.plot({
        width,
        height: 40 + counts.length * 30,
        marginLeft: 190,
        marginRight: 50,
        x: { axis: null, zero: true },
        y: { label: null, domain: counts.map(({ kind }) => kind), tickSize: 0 },
        marks: [
          Plot.barX(counts, { x: "count", y: "kind", fill: ({ kind }: Count) => COLOURS[kind] ?? "var(--bad)", title: ({ kind, count }: Count) => `${kind}: ${count}` }),
          Plot.text(counts, { x: "count", y: "kind", text: ({ count }: Count) => String(count), textAnchor: "start", dx: 6 }),
        ],
      }),
    [counts],
  );
  return (
    <Drawn title={title} draw={draw}>
      <Numbers caption={title} columns={["kind", "how many"]} rows={counts.map(({ kind, count }) => [kind, count])} />
    </Drawn>
  );
}

function Audit({ audit }: { audit: Node }) {
  const findings = (audit.findings as Node[] | undefined) ?? [];
  const counts = useMemo(
    () =>
      Array.isArray(audit.counts)
        ? (audit.counts as Node[]).map((one) => ({ kind: text(one.kind), count: Number(one.count) }))
        : counted(findings.map((finding) => text(finding.kind))),
    [audit, findings],
  );
  if (counts.length === 0) return <p className="healthy">The audit found nothing wrong{audit.links !== undefined && `; ${text(audit.links)} links looked at`}.</p>;
  return (
    <>
      <Bars title="What the audit found" counts={counts} />
      <ul className="findings">
        {findings.slice(0, 100).map((finding, index) => (
          <li key={index}>
            <b>{text(finding.kind)}</b> {text(finding.sentence)} {finding.repair !== undefined && <i>Repair: {text(finding.repair)}.</i>}
          </li>
        ))}
      </ul>
    </>
  );
}

export default function LinksPanel({ data }: { data: unknown }) {
  const audits = useMemo(() => nodesOf(data, "LinkAudit"), [data]);
  const states = useMemo(() => counted([...nodesOf(data, "SampleLink"), ...nodesOf(data, "ProjectLink")].map((link) => text(link.state)).filter(Boolean)), [data]);
  if (audits.length === 0 && states.length === 0) return <p>No link and no audit in this answer.</p>;
  return (
    <>
      {audits.map((audit, index) => <Audit key={index} audit={audit} />)}
      {states.length > 0 && <Bars title="States of the links in this answer" counts={states} />}
    </>
  );
}
