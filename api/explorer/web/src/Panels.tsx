// Beside the answer as JSON: what people would rather look at. Each panel is loaded when it is opened;
// a tab is marked when the answer on screen has something for it.
import { type ComponentType, lazy, Suspense, useMemo, useState } from "react";
import { nodesOf, useAnswer } from "./answer";
import { CostBar } from "./CostBar";
import { cohortsOf } from "./cohort";

interface Panel {
  name: string;
  title: string;
  content: ComponentType<{ data: unknown }>;
  has: (data: unknown) => boolean;
}

const PANELS: Panel[] = [
  { name: "funnel", title: "Funnel", content: lazy(() => import("./panels/FunnelPanel")), has: (data) => cohortsOf(data).some(({ funnel }) => Array.isArray(funnel)) },
  { name: "pictures", title: "Pictures", content: lazy(() => import("./panels/PicturesPanel")), has: (data) => nodesOf(data, "Image").length > 0 },
  { name: "facets", title: "Facets", content: lazy(() => import("./panels/FacetsPanel")), has: (data) => cohortsOf(data).some(({ facets }) => Array.isArray(facets)) },
  { name: "availability", title: "Availability", content: lazy(() => import("./panels/AvailabilityPanel")), has: (data) => cohortsOf(data).some(({ availability }) => Boolean(availability)) },
  { name: "design", title: "Design", content: lazy(() => import("./panels/DesignPanel")), has: (data) => nodesOf(data, "Sample").length > 1 },
  { name: "links", title: "Links", content: lazy(() => import("./panels/LinksPanel")), has: (data) => nodesOf(data, "LinkAudit").length + nodesOf(data, "SampleLink").length + nodesOf(data, "ProjectLink").length > 0 },
  { name: "table", title: "Table", content: lazy(() => import("./panels/TablePanel")), has: (data) => Boolean(data) },
];

export function Panels() {
  const shown = useAnswer();
  const data = shown?.answer.data;
  const [chosen, choose] = useState<string | null>(null);
  const filled = useMemo(() => PANELS.filter(({ has }) => data && has(data)), [data]);
  // The user's choice holds as long as the answer has something for it.
  const open = filled.find(({ name }) => name === chosen) ?? filled[0];
  return (
    <section className="panels" aria-label="The answer in pictures">
      <CostBar shown={shown} />
      <div className="tabs" role="tablist" aria-label="Panels">
        {PANELS.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={open?.name === name}
            aria-controls="panel"
            disabled={!filled.some((panel) => panel.name === name)}
            onClick={() => choose(name)}
          >
            {title}
          </button>
        ))}
      </div>
      {/* Focusable, so that the keyboard can scroll it. */}
      <div className="panel" id="panel" role="tabpanel" aria-labelledby={open ? `tab-${open.name}` : undefined} aria-label={open ? undefined : "Panel"} data-panel={open?.name} tabIndex={0}>
        {shown?.answer.errors?.map((error, index) => (
          <p key={index} className="error" data-code={error.extensions?.code}>
            <b>{error.extensions?.code}</b> {error.message}
            {(error.extensions?.occurrences ?? 1) > 1 && ` (${error.extensions?.occurrences} places)`}
          </p>
        ))}
        {open && (
          <Suspense fallback={<p>…</p>}>
            <open.content data={data} />
          </Suspense>
        )}
      </div>
    </section>
  );
}
