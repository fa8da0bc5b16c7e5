// What there is of each member, or of each of its samples: a matrix of modalities, coloured by why
// something is missing. Each cell says in words what its colour means.
import { useMemo, useState } from "react";
import { type Node, text } from "../answer";
import { cohortsOf } from "../cohort";

const SHOWN = 200;
const WORDS: Record<string, string> = {
  AVAILABLE: "there is some",
  ABSENT: "there is none",
  NOT_LINKED: "no image dataset is linked",
  NOT_PERMITTED: "you may not see it",
  GONE: "it was deleted",
  UNAVAILABLE: "its system did not answer",
};

interface Row {
  name: string;
  level: "member" | "sample";
  cells: Node[];
}

const named = (sample: unknown) => text((sample as Node | null)?.code) || text((sample as Node | null)?.permId) || "sample";

function rowsOf(data: unknown): Row[] {
  const rows: Row[] = [];
  for (const cohort of cohortsOf(data)) {
    for (const edge of ((cohort.availability as Node | null | undefined)?.edges as Node[] | undefined) ?? []) {
      const member = edge.node as Node;
      if (Array.isArray(member.cells)) rows.push({ name: named(member.subject), level: "member", cells: member.cells as Node[] });
      for (const sample of (member.samples as Node[] | undefined) ?? []) rows.push({ name: named(sample.sample), level: "sample", cells: (sample.cells as Node[] | undefined) ?? [] });
    }
  }
  return rows;
}

const modality = (cell: Node) => {
  const { kind, name } = (cell.modality ?? {}) as Node;
  return text(name) || (kind === "IMAGE" ? "images" : "unknown");
};

export default function AvailabilityPanel({ data }: { data: unknown }) {
  const rows = useMemo(() => rowsOf(data), [data]);
  const [bySample, setBySample] = useState(false);
  const both = rows.some(({ level }) => level === "member") && rows.some(({ level }) => level === "sample");
  const shown = both && !bySample ? rows.filter(({ level }) => level === "member") : rows;
  const columns = useMemo(() => [...new Set(rows.flatMap(({ cells }) => cells.map(modality)))], [rows]);
  if (rows.length === 0) return <p>No availability in this answer.</p>;
  const seen = [...new Set(shown.flatMap(({ cells }) => cells.map((cell) => text(cell.presence))))].filter(Boolean);
  return (
    <figure>
      <figcaption>What there is of each {bySample ? "sample" : "member"}</figcaption>
      <p className="row">
        <span className="legend">
          {seen.map((presence) => (
            <span key={presence}><i className="cell" data-presence={presence} /> {WORDS[presence] ?? presence}</span>
          ))}
        </span>
        {both && (
          <label>
            <input type="checkbox" checked={bySample} onChange={(event) => setBySample(event.target.checked)} /> sample by sample
          </label>
        )}
      </p>
      {shown.length > SHOWN && <p>The first {SHOWN} of {shown.length} rows are shown.</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label="Availability by modality">
        <table className="matrix">
          <thead>
            <tr>
              <th scope="col">{bySample ? "sample" : "member"}</th>
              {columns.map((column) => <th key={column} scope="col">{column}</th>)}
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, SHOWN).map((row, index) => (
              <tr key={index} className={row.level}>
                <th scope="row">{row.name}</th>
                {columns.map((column) => {
                  const cell = row.cells.find((one) => modality(one) === column);
                  const presence = text(cell?.presence) || "ABSENT";
                  return (
                    <td key={column} className="cell" data-presence={presence} title={`${row.name}, ${column}: ${WORDS[presence] ?? presence}`}>
                      {presence === "AVAILABLE" ? text(cell?.count) : <span className="unseen">{WORDS[presence] ?? presence}</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
