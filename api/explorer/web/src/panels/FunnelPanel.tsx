// A cohort's attrition: how many subjects each clause leaves, in the order as written.
import * as Plot from "@observablehq/plot";
import { useCallback, useMemo } from "react";
import { type Node, text } from "../answer";
import { Drawn, Numbers } from "../Figure";
import { cohortsOf } from "../cohort";

interface Step {
  place: number;
  clause: string;
  source: string;
  subjects: number | null;
  samples: number | null;
}

const stepsOf = (cohort: Node): Step[] =>
  ((cohort.funnel as Node[] | null | undefined) ?? []).map((step, place) => ({
    place,
    clause: text(step.clause),
    source: text(step.source),
    subjects: typeof step.subjects === "number" ? step.subjects : null,
    samples: typeof step.samples === "number" ? step.samples : null,
  }));

function Funnel({ cohort }: { cohort: Node }) {
  const steps = useMemo(() => stepsOf(cohort), [cohort]);
  const draw = useCallback(
    (width: number) => {
      const label = (step: Step) => `${step.place + 1}. ${step.clause.length > 60 ? `${step.clause.slice(0, 59)}…` : step.clause}`;
      return Plot.plot({
        width,
        height: 40 + steps.length * 52,
        marginLeft: 8,
        marginRight: 60,
        x: { label: null, axis: null, zero: true },
        y: { label: null, axis: null, domain: steps.map(label), padding: 0.5 },
        marks: [
          Plot.barX(steps, { x: (step: Step) => step.subjects ?? 0, y: label, fill: "var(--bar)", title: (step: Step) => `${step.clause}: ${step.subjects ?? "unknown"}` }),
          Plot.text(steps, { x: (step: Step) => step.subjects ?? 0, y: label, text: (step: Step) => (step.subjects === null ? "unknown" : step.subjects.toLocaleString("en")), textAnchor: "start", dx: 6, fontSize: 13, fontWeight: 600 }),
          Plot.text(steps, { x: 0, y: label, text: label, textAnchor: "start", dy: -19, fontSize: 12 }),
        ],
      });
    },
    [steps],
  );
  if (steps.length === 0) return null;
  const title = `${steps.at(-1)?.subjects ?? "?"} of ${steps[0]?.subjects ?? "?"} subjects are left`;
  return (
    <Drawn title={steps.length > 1 ? title : "Subjects that the clause leaves"} draw={draw}>
      <Numbers
        caption="Attrition"
        columns={["clause", "source", "subjects", "samples"]}
        rows={steps.map(({ clause, source, subjects, samples }) => [clause, source, subjects ?? "unknown", samples ?? "unknown"])}
      />
    </Drawn>
  );
}

export default function FunnelPanel({ data }: { data: unknown }) {
  const cohorts = useMemo(() => cohortsOf(data).filter((cohort) => stepsOf(cohort).length > 0), [data]);
  if (cohorts.length === 0) return <p>No funnel in this answer: ask a cohort for <code>funnel {"{ clause subjects samples }"}</code>.</p>;
  return cohorts.map((cohort, index) => <Funnel key={index} cohort={cohort} />);
}
