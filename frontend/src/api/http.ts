/** One operation by HTTP POST. */
import type { ExecutionResult } from "graphql";

import { ConnectionLost } from "./errors";

export interface Operation {
  query: string;
  operationName?: string | null;
  variables?: unknown;
}

// A little more than what the server itself gives an operation.
const TIMEOUT_MS = 70_000;

/**
 * What the server answers, errors and all.
 *
 * Throws ConnectionLost when nobody answers, or not in GraphQL.
 */
export async function post(
  url: string,
  operation: Operation,
  headers: Readonly<Record<string, string>> = {},
): Promise<ExecutionResult> {
  const answer = await answered(url, operation, headers);
  if (typeof answer !== "object" || answer === null || !("data" in answer || "errors" in answer)) {
    throw new ConnectionLost("The answer is not one of GraphQL.");
  }
  return answer as ExecutionResult;
}

async function answered(url: string, operation: Operation, headers: Readonly<Record<string, string>>): Promise<unknown> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, application/json;q=0.9",
        "Content-Type": "application/json",
        ...headers,
      },
      body: JSON.stringify(operation),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return await response.json();
  } catch {
    throw new ConnectionLost("The server does not answer.");
  }
}

export const bearer = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { Authorization: `Bearer ${token}` };
