/** How long things took, counted into classes: cheap enough for every request, and enough to estimate quantiles from. */
export class Durations {
  /** Upper ends of the classes, in seconds; what took longer is counted in one more. */
  readonly bounds: readonly number[];
  /** How many fell into each class, and not into one before it. */
  readonly counts: number[];
  /** Of all of them, in seconds. */
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(seconds: number): void {
    const fits = this.bounds.findIndex((bound) => seconds <= bound);
    const index = fits < 0 ? this.bounds.length : fits;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }
}
