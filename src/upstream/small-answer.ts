/** Reads a whole response into memory, up to a limit. For everything that is not a blob. */
import { AppError, isAppError } from '../lib/errors.js';
import type { HttpResponse } from './transport.js';

export interface SmallRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Makes it a POST of these fields. */
  readonly form?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface SmallAnswer {
  readonly status: number;
  /** WWW-Authenticate, each header apart. */
  readonly challenges: readonly string[];
  readonly body: Buffer;
}

/**
 * Throws UPSTREAM_INVALID as soon as more than `most` bytes are announced or arrive, and UPSTREAM_UNAVAILABLE, which is
 * worth another try, when the answer breaks off.
 */
export async function readAll(response: HttpResponse, most: number): Promise<Buffer> {
  const tooLong = () => new AppError('UPSTREAM_INVALID', `${response.url.host} sent more than ${most} bytes`);
  if (Number(response.header('content-length') ?? 0) > most) {
    response.destroy();
    throw tooLong();
  }
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response.bytes) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > most) throw tooLong();
    }
  } catch (error) {
    if (!isAppError(error) || error.code !== 'UPSTREAM_UNREACHABLE') throw error;
    throw new AppError('UPSTREAM_UNAVAILABLE', `${error.message} in the middle of an answer`, { cause: error });
  }
  return Buffer.concat(chunks);
}
