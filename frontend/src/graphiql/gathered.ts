/** A subscription's results as GraphiQL can show them: the newest, and under it those before. */
import type { ExecutionResult } from "graphql";

/** `earlier` holds the data of what came before, the newest first. */
export interface Gathered extends ExecutionResult {
  earlier: unknown[];
}

const SHOWN = 100;
const REDRAW_MS = 100;

/** Collects results and shows them at most ten times a second: an answer comes in many small pieces. */
export class Gathering {
  #results: ExecutionResult[] = [];
  #redraw: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly show: (gathered: Gathered) => void) {}

  add(result: ExecutionResult): void {
    this.#results = [result, ...this.#results.slice(0, SHOWN - 1)];
    this.#redraw ??= setTimeout(() => this.flush(), REDRAW_MS);
  }

  /** Show at once what has not been shown yet. */
  flush(): void {
    if (this.#redraw === undefined) return;
    this.discard();
    const [newest, ...earlier] = this.#results;
    this.show({ ...newest, earlier: earlier.map((result) => result.data ?? result.errors) });
  }

  /** Show nothing more. */
  discard(): void {
    clearTimeout(this.#redraw);
    this.#redraw = undefined;
  }
}
