/** The text of one message while it is being written. */

interface Piece {
  generation: number;
  /** In Unicode code points, as the server counts. */
  offset: number;
  text: string;
}

export class MessageText {
  #generation = 0;
  #points: string[] = [];

  /** Put a piece where it belongs; a newer generation begins anew, an older one is void. */
  put({ generation, offset, text }: Piece): void {
    if (generation < this.#generation) return;
    if (generation > this.#generation) this.#points = [];
    this.#generation = generation;
    this.#points.splice(offset, Number.POSITIVE_INFINITY, ...text);
  }

  get content(): string {
    return this.#points.join("");
  }
}
