/** Who is signed in: the tokens, kept fresh. */
import { SignedOut, expected } from "./errors";
import type { RefreshTokensMutation } from "../operations/RefreshTokens.generated";

type Answer = RefreshTokensMutation["refreshTokens"];

/** A user and the tokens of their sign-in. */
export type Tokens = Extract<Answer, { __typename: "SignedIn" }>;

/** Asks the server for new tokens; without an argument the browser's cookie says for whom. */
export type Refresh = (refreshToken: string | undefined) => Promise<Answer>;

interface Options {
  /** The refresh token is in the browser's cookie, which all tabs share, and is not kept here. */
  cookie: boolean;
  now?: () => number;
}

// Renewed this long before the end, so that no operation starts with a token that ends on the way.
const MARGIN_MS = 60_000;
// However wrong this machine's clock is, a new token is used at least this long.
const SHORTEST_USE_MS = 10_000;

export class SignIn {
  #tokens: Tokens | undefined;
  #freshUntil = 0;
  #refreshing: Promise<Tokens> | undefined;
  readonly #now: () => number;

  constructor(
    private readonly send: Refresh,
    private readonly options: Options,
  ) {
    this.#now = options.now ?? Date.now;
  }

  get user(): Tokens["user"] | undefined {
    return this.#tokens?.user;
  }

  /** Start with the tokens that signing in has given. */
  accept(tokens: Tokens): Tokens {
    const [now, end] = [this.#now(), Date.parse(tokens.accessExpiresAt)];
    this.#freshUntil = Math.max(end - MARGIN_MS, now + SHORTEST_USE_MS);
    this.#tokens = tokens;
    return tokens;
  }

  /** Sign in again by the browser's cookie; undefined when there is none that is valid. */
  async restore(): Promise<Tokens["user"] | undefined> {
    try {
      return (await this.#renewed()).user;
    } catch (error) {
      if (error instanceof SignedOut) return undefined;
      throw error;
    }
  }

  /** An access token that is still good, undefined when signed out. Throws SignedOut when it can't be renewed. */
  async accessToken(): Promise<string | undefined> {
    if (this.#tokens === undefined) return undefined;
    if (this.#now() < this.#freshUntil) return this.#tokens.accessToken;
    return (await this.#renewed()).accessToken;
  }

  /** A token other than `stale`, which the server did not accept. */
  async renewed(stale: string): Promise<string> {
    if (this.#tokens !== undefined && this.#tokens.accessToken !== stale) return this.#tokens.accessToken;
    return (await this.#renewed()).accessToken;
  }

  /** Trust the present token no longer: the next one who needs a token gets a new one. */
  distrust(): void {
    this.#freshUntil = 0;
  }

  // One refresh in flight: each makes the refresh token before it old.
  #renewed(): Promise<Tokens> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Tokens> {
    const answer = await this.send(this.options.cookie ? undefined : this.#tokens?.refreshToken);
    if (answer.__typename === "Invalid") {
      this.#tokens = undefined;
      throw new SignedOut(answer.message);
    }
    return this.accept(expected(answer, "SignedIn"));
  }
}

