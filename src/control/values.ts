/** Values as the .proto files have them: times, and words of enumerations. */
import type { Timestamp, Timestamp__Output } from './gen/google/protobuf/Timestamp.js';

/** null is how an absent message is written. `ms`: since the Unix epoch. */
export function timestampOf(ms: number | undefined): Timestamp | null {
  if (ms === undefined) return null;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export const msOf = (time: Timestamp__Output | null): number | undefined =>
  time === null ? undefined : time.seconds * 1000 + Math.floor(time.nanos / 1e6);

type Snake<Word extends string> = Word extends `${infer A}-${infer B}` ? `${A}_${Snake<B>}` : Word;

/** `half-open` of BREAKER_STATE is BREAKER_STATE_HALF_OPEN. */
export const enumValue = <Prefix extends string, Word extends string>(
  prefix: Prefix,
  word: Word,
): `${Prefix}_${Uppercase<Snake<Word>>}` =>
  `${prefix}_${word.toUpperCase().replaceAll('-', '_')}` as `${Prefix}_${Uppercase<Snake<Word>>}`;
