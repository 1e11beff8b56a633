/** A typed client of the API: requests by HTTP, subscriptions by WebSocket, signed in as one user. */
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { type DocumentNode, Kind, print } from "graphql";
import type { Client as Socket } from "graphql-ws";

import { LogInDocument } from "../operations/LogIn.generated";
import { RedeemSignInLinkDocument } from "../operations/RedeemSignInLink.generated";
import { RefreshTokensDocument } from "../operations/RefreshTokens.generated";
import { ApiError, expected } from "./errors";
import { type Operation, bearer, post } from "./http";
import { SignIn, type Tokens } from "./sign-in";
import { asError, openSocket } from "./socket";

export interface ClientOptions {
  /** The API's address, such as http://127.0.0.1:8000/graphql. */
  url: string;
  /** The browser's cookie keeps the sign-in: for pages of the API's own server. */
  cookie?: boolean;
  webSocketImpl?: unknown;
}

export class Client {
  readonly signIn: SignIn;
  readonly #url: string;
  readonly #socket: Socket;

  constructor({ url, cookie = false, webSocketImpl }: ClientOptions) {
    this.#url = url;
    this.signIn = new SignIn(
      async (refreshToken) => (await this.#send(RefreshTokensDocument, { refreshToken })).refreshTokens,
      { cookie },
    );
    this.#socket = openSocket({
      url: url.replace(/^http/, "ws"),
      webSocketImpl,
      parameters: async () => bearer(await this.signIn.accessToken()),
      // 4403: the token has expired or was revoked.
      onClosed: (code) => code === 4403 && this.signIn.distrust(),
    });
  }

  /** Sign in with the one-time token of a sign-in link. */
  async redeem(token: string): Promise<Tokens> {
    const { redeemSignInLink } = await this.#send(RedeemSignInLinkDocument, { token });
    return this.signIn.accept(expected(redeemSignInLink, "SignedIn"));
  }

  /** Sign in with an address and a password. */
  async logIn(email: string, password: string): Promise<Tokens> {
    const { logIn } = await this.#send(LogInDocument, { input: { email, password } });
    return this.signIn.accept(expected(logIn, "SignedIn"));
  }

  /** The data of a query or a mutation. Throws ApiError, ConnectionLost or SignedOut. */
  async request<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const token = await this.signIn.accessToken();
    try {
      return await this.#send(document, variables, token);
    } catch (error) {
      if (token === undefined || !(error instanceof ApiError && error.code === "UNAUTHENTICATED")) throw error;
      return this.#send(document, variables, await this.signIn.renewed(token));
    }
  }

  /** What a subscription gives, until it completes, fails (as `request` does) or `signal` ends it. */
  async *subscribe<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): AsyncGenerator<Data, void, undefined> {
    if (signal?.aborted) return;
    await this.signIn.accessToken(); // a sign-in that has ended is told here, not by a closed socket
    const results = this.#socket.iterate<Data>(payload(document, variables) as Operation & { variables: never });
    const stop = () => void results.return?.();
    signal?.addEventListener("abort", stop);
    try {
      for await (const { data, errors } of results) {
        if (errors?.length) throw new ApiError(errors);
        if (data) yield data;
      }
    } catch (error) {
      throw asError(error);
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Close the socket; what is subscribed ends. */
  async close(): Promise<void> {
    await this.#socket.dispose();
  }

  async #send<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Data> {
    const { data, errors } = await post(this.#url, payload(document, variables), bearer(token));
    if (errors?.length || !data) throw new ApiError(errors ?? []);
    return data as Data;
  }
}

const payload = (document: DocumentNode, variables: unknown): Operation => ({
  query: print(document),
  operationName: nameOf(document),
  variables,
});

function nameOf(document: DocumentNode): string | undefined {
  for (const it of document.definitions) if (it.kind === Kind.OPERATION_DEFINITION) return it.name?.value;
  return undefined;
}
