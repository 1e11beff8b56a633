/** What can go wrong between a client and the API, and after what it makes sense to come back. */
import type { GraphQLFormattedError } from "graphql";

/** The API refused an operation; `code` is one of those listed in docs/api.md. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(readonly errors: readonly GraphQLFormattedError[]) {
    super(errors[0]?.message ?? "The server refused the operation.");
    const extensions = errors[0]?.extensions;
    this.code = typeof extensions?.code === "string" ? extensions.code : undefined;
    const pause = extensions?.retryAfterSeconds;
    this.retryAfterSeconds = typeof pause === "number" ? pause : undefined;
  }
}

/** Nobody answered, or a socket closed with `closeCode`. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor(
    message: string,
    readonly closeCode?: number,
  ) {
    super(message);
  }
}

/** The sign-in has ended; only a person can sign in again. */
export class SignedOut extends Error {
  override readonly name = "SignedOut";
}

/** A mutation answered with a problem of the kind `typename`. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(
    readonly typename: string,
    message: string,
  ) {
    super(message);
  }
}

type Named = { readonly __typename: string };

/** The member of a result's union that the caller hopes for; every other one is thrown as a ProblemError. */
export function expected<Result extends Named, Name extends Result["__typename"]>(
  result: Result,
  typename: Name,
): Extract<Result, { readonly __typename: Name }> {
  if (result.__typename === typename) return result as Extract<Result, { readonly __typename: Name }>;
  const message = "message" in result && typeof result.message === "string" ? result.message : result.__typename;
  throw new ProblemError(result.__typename, message);
}

const PASSING = new Set(["RESUME", "UNAVAILABLE", "SHUTTING_DOWN", "RATE_LIMITED", "TIMEOUT"]);
// A malformed frame, too large a frame, the wrong subprotocol and the like: a bug, which a second try repeats.
const FINAL_CLOSE_CODES = new Set([1009, 4400, 4401, 4406, 4409, 4429]);

/** Whether subscribing again can help. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ApiError) return error.code !== undefined && PASSING.has(error.code);
  return error instanceof ConnectionLost && !FINAL_CLOSE_CODES.has(error.closeCode ?? 0);
}
