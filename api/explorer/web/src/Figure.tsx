// A drawn figure with its text alternative: the same numbers as a table, for whoever does not see it.
import { type ReactNode, useEffect, useRef } from "react";

type Cell = string | number;

export function Numbers({ caption, columns, rows }: { caption: string; columns: string[]; rows: Cell[][] }) {
  return (
    <details>
      <summary>As numbers</summary>
      <div className="scroll" tabIndex={0} role="region" aria-label={caption}>
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>{row.map((cell, place) => <td key={place}>{cell}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** A figure whose content is drawn by `draw` into an element of its own, at the width there is. */
export function Drawn({ title, draw, children }: { title: string; draw: (width: number) => Element; children?: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const redraw = () => element.replaceChildren(draw(Math.max(280, element.clientWidth)));
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [draw]);
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={place} className="drawn" role="img" aria-label={title} />
      {children}
    </figure>
  );
}
