/** Schedules are checked by the library that will run them, so that what passes here also runs. */
import { validateDetailed } from 'node-cron';

export function parseSchedule(input: unknown): string {
  if (typeof input !== 'string') throw new Error('expected a cron expression such as "30 3 * * *"');
  const { valid, errors } = validateDetailed(input);
  if (!valid) {
    throw new Error(
      `${JSON.stringify(input)} is no cron expression: ${errors.map((error) => error.message).join('; ')}`,
    );
  }
  return input;
}

export function parseTimezone(input: unknown): string {
  if (typeof input === 'string' && isTimezone(input)) return input;
  throw new Error(`${JSON.stringify(input)} is no timezone; expected one such as UTC or Europe/Berlin`);
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
