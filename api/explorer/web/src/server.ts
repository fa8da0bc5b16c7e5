// The way to /graphql: one request for a query or a mutation, an event stream for a subscription.
import { createClient } from "graphql-sse";
import { credentials, session } from "./session";

export interface Parameters {
  query: string;
  operationName?: string | null;
  variables?: unknown;
}

export interface Failure {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; source?: string; occurrences?: number; requestId?: string };
}

export interface Answer {
  data?: unknown;
  errors?: Failure[];
  extensions?: {
    sources?: Record<string, string>;
    cost?: {
      calls?: Record<string, number>;
      milliseconds?: Record<string, number>;
      totalCalls?: number;
      [more: string]: unknown;
    };
    requestId?: string;
  };
}

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

/** Ask once. An answer that is not JSON, or none at all, becomes an error as the API would tell it. */
export async function post(parameters: Parameters, headers: Record<string, string> = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: ACCEPT, ...credentials(), ...headers },
      body: JSON.stringify(parameters),
    });
  } catch {
    return { errors: [{ message: "The server did not answer. Is it running?" }] };
  }
  if (response.status === 401 && session.current) void session.end("Your session is over: sign in again.");
  try {
    return (await response.json()) as Answer;
  } catch {
    return { errors: [{ message: `The server answered with status ${response.status}.` }] };
  }
}

/** Follow a subscription; ends when the server ends it. */
export function follow(parameters: Parameters, headers: Record<string, string> = {}): AsyncIterable<Answer> {
  const client = createClient({ url: "/graphql", headers: () => ({ ...credentials(), ...headers }), retryAttempts: 0 });
  return client.iterate({
    query: parameters.query,
    operationName: parameters.operationName ?? undefined,
    variables: (parameters.variables ?? undefined) as Record<string, unknown> | undefined,
  }) as AsyncIterable<Answer>;
}
