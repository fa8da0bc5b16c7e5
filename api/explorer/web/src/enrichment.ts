// What the panels need to know beyond what was asked: of which type an object is, and which image or
// sample it stands for. `enrich` adds aliased fields to a document before it is sent, `strip` takes them
// out again, so that the editor shows just the answer to what was typed.
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  isCompositeType,
  getNamedType,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";

/** Write a field under an alias. */
function field(text: string, alias: string): FieldNode {
  const [operation] = parse(`{ ${alias}: ${text} }`, { noLocation: true }).definitions;
  return (operation as OperationDefinitionNode).selectionSet.selections[0] as FieldNode;
}

export const TYPE = "omnibisType";
export const ID = "omnibisId";
export const VIEWER = "omnibisViewer";
const OURS = new Set([TYPE, ID, VIEWER]);
// By type: what tells one object from another, and where it can be looked at.
const ADDED: Record<string, FieldNode[]> = {
  Image: [field("omeroId", ID), field("viewerUrl(signedIn: true)", VIEWER)],
  Sample: [field("id", ID)],
};

/** Add type and id below each object of a query; anything else, or what cannot be read, stays as it is. */
export function enrich(query: string, schema: GraphQLSchema | null | undefined): string {
  if (!schema) return query;
  let document: DocumentNode;
  try {
    document = parse(query);
  } catch {
    return query;
  }
  if (document.definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation !== "query")) return query;
  const types = new TypeInfo(schema);
  const made = visit(
    document,
    visitWithTypeInfo(types, {
      SelectionSet: {
        leave(node, _key, parent) {
          const type = types.getParentType();
          if (!type || !isCompositeType(getNamedType(type)) || type.name.startsWith("__")) return undefined;
          if (!Array.isArray(parent) && (parent as { kind?: string })?.kind === Kind.OPERATION_DEFINITION) return undefined;
          const added = [field("__typename", TYPE)];
          added.push(...(ADDED[type.name] ?? []));
          return { ...node, selections: [...node.selections, ...added] };
        },
      },
    }),
  );
  return print(made);
}

/** Take out what `enrich` has added. */
export function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (value === null || typeof value !== "object") return value;
  const kept: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(value)) if (!OURS.has(name)) kept[name] = strip(one);
  return kept;
}
