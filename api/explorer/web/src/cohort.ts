// Which objects of an answer are cohorts: by type, or by what only a cohort has.
import { type Node, walk } from "./answer";
import { TYPE } from "./enrichment";

export function cohortsOf(data: unknown): Node[] {
  const found: Node[] = [];
  walk(data, (node) => {
    if (node[TYPE] === "Cohort" || Array.isArray(node.funnel)) found.push(node);
  });
  return found;
}
