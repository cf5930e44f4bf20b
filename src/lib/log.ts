/**
 * The one logger: JSON lines on stdout (or pretty ones for a person). Everything that could carry a secret is written
 * through here: URLs lose their userinfo and query, errors are reduced to type, code, message, stack and causes.
 */
import pino from 'pino';
import { AppError, systemCode } from './errors.js';

/** Bytes of the log that wait to be written; what comes on top is lost. */
const MOST_UNWRITTEN = 16 * 1024 * 1024;

type Write = (fields: object, message: string) => void;

export interface Logger {
  level: string;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  child(fields: object): Logger;
}

export interface LogOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
}

/** Signed URLs hold their signature in the query and credentials in the userinfo: neither is ever shown. */
export const withoutUrlSecrets = (text: string): string =>
  text.replace(
    /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#"']*@)?([^\s?#"']*)([?#][^\s"']*)?/gi,
    (_, scheme: string, _user, rest: string) => scheme + rest,
  );

function describeError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) return typeof value === 'string' ? withoutUrlSecrets(value) : value;
  return {
    type: value.name,
    code: value instanceof AppError ? value.code : systemCode(value),
    message: withoutUrlSecrets(value.message),
    // The table's errors are expected; only what nobody foresaw needs its stack.
    stack: value instanceof AppError ? undefined : withoutUrlSecrets(value.stack ?? ''),
    cause: value.cause === undefined || depth >= 4 ? undefined : describeError(value.cause, depth + 1),
  };
}

/** Most lines are of the millisecond of the one before. */
function isoTime(): () => string {
  let at = NaN;
  let field = '';
  return () => {
    const now = Date.now();
    if (now !== at) field = `,"time":"${new Date(now).toISOString()}"`;
    at = now;
    return field;
  };
}

export interface Log {
  readonly logger: Logger;
  /** Writes out what is still buffered. To be called before the process exits. */
  flush(): void;
}

export function createLog(options: LogOptions, destination?: { write(line: string): void }): Log {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: isoTime(),
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (value: unknown) => describeError(value) },
  };
  if (destination) return { logger: pino(settings, destination), flush: () => undefined };
  if (options.format === 'pretty') {
    // A transport does its own formatting of levels.
    delete settings.formatters;
    return {
      logger: pino({ ...settings, transport: { target: 'pino-pretty', options: { sync: true } } }),
      flush: () => undefined,
    };
  }
  // Written without blocking: a slow reader of the log must not stall every pull.
  const stdout = pino.destination({ dest: 1, sync: false, maxLength: MOST_UNWRITTEN });
  // Where the log lies on a disk that is full, its lines wait for room or are lost; the pulls go on.
  let failing = false;
  stdout.on('error', () => (failing = true)).on('write', () => (failing = false));
  return { logger: pino(settings, stdout), flush: () => flush(stdout, failing) };
}

function flush(stream: { flushSync(): void; destroy(): void }, failing: boolean): void {
  try {
    // It tries until it succeeds, which would keep the process from ending.
    if (failing) stream.destroy();
    else stream.flushSync();
  } catch {
    // The stream never became ready or its reader is gone: there is nobody left to tell.
  }
}
