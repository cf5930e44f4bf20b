/** Lengths of time for people: `6 h`, `1 h 30 min`, `10 s`. */

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** Milliseconds, in their largest unit, and below ten of that in the next one too. */
export function spell(ms: number): string {
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  if (at === -1) return 'less than 1 s';
  const [unit, name] = UNITS[at] ?? [1, ''];
  const whole = Math.floor(ms / unit);
  const [smaller, smallerName] = UNITS[at + 1] ?? [1, ''];
  const rest = Math.floor((ms % unit) / smaller);
  return whole < 10 && rest > 0 && smallerName !== '' ? `${whole} ${name} ${rest} ${smallerName}` : `${whole} ${name}`;
}
