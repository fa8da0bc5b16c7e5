// The page: a header, GraphiQL, and the panels beside it (below it where the window is narrow).
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { buildClientSchema, type GraphQLSchema, type IntrospectionQuery } from "graphql";
import { useMemo } from "react";
import { show } from "./answer";
import { enrich, strip } from "./enrichment";
import { Panels } from "./Panels";
import { SAVED_QUESTIONS } from "./SavedQuestions";
import { type Answer, follow, type Parameters, post } from "./server";
import { Share, sharedQuestion } from "./Share";
import { SignIn } from "./SignIn";

const WELCOME = `# One question over openBIS and OMERO.
# Choose a saved question on the left, or write one and press Ctrl + Enter.
{
  viewer { user }
  backends { source available version }
}
`;

/** Milliseconds that a question waits for the schema to be asked for at all. */
const PATIENCE = 10_000;

/** The fetcher that GraphiQL calls; it keeps the schema that GraphiQL reads when it begins. */
function makeFetcher() {
  // Until GraphiQL has asked for the schema, which it does by itself; or, should it not, for a while.
  let begin: (schema: Promise<GraphQLSchema | null> | null) => void = () => {};
  let schema = new Promise<GraphQLSchema | null>((resolve) => {
    begin = resolve;
    setTimeout(() => resolve(null), PATIENCE);
  });

  async function introspect(parameters: Parameters, headers: Record<string, string>): Promise<Answer> {
    const answer = post(parameters, headers);
    schema = answer.then(({ data }) => (data ? buildClientSchema(data as unknown as IntrospectionQuery) : null)).catch(() => null);
    begin(schema);
    return answer;
  }

  async function ask(parameters: Parameters, headers: Record<string, string>): Promise<Answer> {
    if (parameters.operationName === "IntrospectionQuery") return introspect(parameters, headers);
    show(null);
    // A question that is quicker than the schema waits for it: the panels draw what it adds.
    const query = enrich(parameters.query, await schema);
    const started = performance.now();
    const answer = await post({ ...parameters, query }, headers);
    show({ answer, milliseconds: performance.now() - started });
    return { ...answer, ...("data" in answer ? { data: strip(answer.data) } : {}) };
  }

  async function* stream(parameters: Parameters, headers: Record<string, string>) {
    for await (const answer of follow(parameters, headers)) {
      show({ answer, milliseconds: 0 });
      yield answer;
    }
  }

  const fetcher = (parameters: Parameters, options?: { headers?: Record<string, unknown>; documentAST?: import("graphql").DocumentNode }) => {
    const headers = (options?.headers ?? {}) as Record<string, string>;
    const operation = options?.documentAST?.definitions.find(
      (one) => one.kind === "OperationDefinition" && (!parameters.operationName || one.name?.value === parameters.operationName),
    );
    return operation?.kind === "OperationDefinition" && operation.operation === "subscription" ? stream(parameters, headers) : ask(parameters, headers);
  };
  return fetcher;
}

export function App() {
  const fetcher = useMemo(makeFetcher, []);
  const shared = useMemo(() => sharedQuestion(), []);
  return (
    <GraphiQL
      // Types of the toolkit name an observable, too, which this fetcher never gives.
      fetcher={fetcher as never}
      plugins={[SAVED_QUESTIONS, HISTORY_PLUGIN]}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      visiblePlugin={shared ? undefined : SAVED_QUESTIONS.title}
      defaultQuery={WELCOME}
      initialQuery={shared?.query}
      initialVariables={shared?.variables}
      defaultEditorToolsVisibility={false}
      shouldPersistHeaders={false} // a header may be a credential
    >
      <GraphiQL.Logo>
        <span className="logo">omnibis</span>
        <Share />
        <SignIn />
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <Panels />
      </GraphiQL.Footer>
    </GraphiQL>
  );
}
