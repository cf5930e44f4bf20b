/**
 * One fuzz target: a property of a function that reads what strangers write, tried on a corpus of past and imagined
 * nastiness and on random input. FUZZ_RUNS says how often (500 without it), FUZZ_SEED repeats a run; the seed is printed.
 * Inputs are bounded by what the callers let through, so a target that hangs is found by the runner's time limit.
 */
import { it } from 'node:test';
import fc from 'fast-check';
import { isAppError, type ErrorCode } from '../../src/lib/errors.js';

export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 500);
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

export function fuzz<T>(
  name: string,
  input: fc.Arbitrary<T>,
  corpus: readonly T[],
  holds: (input: T) => void | Promise<void>,
  runs = RUNS,
): void {
  it(`${name} (${runs} runs)`, async (t) => {
    t.diagnostic(`FUZZ_SEED=${SEED}`);
    const examples = corpus.map((each): [T] => [each]);
    const property = fc.asyncProperty(input, async (each) => {
      await holds(each);
    });
    await fc.assert(property, { numRuns: runs + examples.length, examples, seed: SEED });
  });
}

/** What `read` gives, or undefined when it fails in one of the ways it is said to; any other failure is thrown. */
export function orRefused<T>(read: () => T, ...codes: readonly ErrorCode[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isAppError(error, ...codes)) return undefined;
    throw error;
  }
}

/** Text made of pieces that mean something to the grammar at hand, among some that do not. */
export const pieces = (...words: readonly string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 6, unit: 'binary' })), {
      maxLength: 20,
    })
    .map((parts) => parts.join(''));

/** JSON with keys that mean something, of any shape. */
export const jsonOf = (...keys: readonly string[]): fc.Arbitrary<string> =>
  fc
    .letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, '', 'x', ...keys, `sha256:${'a'.repeat(64)}`),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...keys, '__proto__', 'constructor'), fc.string()), tie('value'), {
          maxKeys: 6,
        }),
      ),
    }))
    .value.map((value) => JSON.stringify(value));
