/**
 * How much is measured. BENCH_QUICK=1 makes sizes and rounds small: it shows that a bench works, and its figures say
 * nothing, so they are never written to bench/results.json.
 */
export const QUICK = process.env.BENCH_QUICK === '1';

/** `full`, or what is said to be enough for a quick run. */
export const scaled = <T>(full: T, quick: T): T => (QUICK ? quick : full);

export const rounds = (full: number): number => scaled(full, 1);
