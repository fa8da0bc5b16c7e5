// The answer as a table, and as a CSV file.
import { useMemo } from "react";
import { strip } from "../enrichment";
import { csvOf, tabulate } from "../table";

const SHOWN = 500;

function download(name: string, content: string) {
  const address = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

export default function TablePanel({ data }: { data: unknown }) {
  const table = useMemo(() => tabulate(strip(data)), [data]);
  if (table.rows.length === 0) return <p>This answer holds no list.</p>;
  const shown = table.rows.slice(0, SHOWN);
  return (
    <>
      <p className="row">
        <span>{table.rows.length} rows, {table.columns.length} columns{table.rows.length > SHOWN && `; the first ${SHOWN} are shown`}</span>
        <button type="button" data-action="csv" onClick={() => download("omnibis.csv", csvOf(table))}>Download CSV</button>
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="The answer as a table">
        <table>
          <thead>
            <tr>{table.columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={index}>{row.map((cell, place) => <td key={place}>{cell}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
