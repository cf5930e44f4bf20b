/**
 * Leaves the sending of stored blobs to an nginx in front: it is told by X-Accel-Redirect where the file lies, sends it
 * with sendfile and answers Range and If-Range itself. Who may have the blob, and whether it is there and as long as it
 * was, is found out here as ever.
 *
 * It is done only where both sides say so: our configuration names the location, and nginx says with the request that it
 * takes blobs over. It does not say so when it asks again because the file was gone when it came to open it, and a client
 * that comes past nginx does not either: both get the bytes from us.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Reply } from './reply.js';

/** The name that other servers and Rack use for this; nginx sets it, so what a client wrote there does not come through. */
const HEADER = 'X-Sendfile-Type';

export const takesOver = (headers: IncomingHttpHeaders): boolean =>
  headers[HEADER.toLowerCase()] === 'X-Accel-Redirect';

/** `bytes` is what nginx will send of it. It says itself that it takes ranges, and would say it twice if `headers` did. */
export const handOver = (
  file: string,
  bytes: number,
  { headers, ...rest }: Pick<Reply, 'headers' | 'answered' | 'digest'>,
): Reply => ({
  status: 200,
  headers: {
    ...headers,
    'X-Accel-Redirect': file,
    // Of this answer: nginx keeps its connection to us, and puts the length of the file in its place.
    'Content-Length': 0,
    // A cache that passed on such a request gives the empty answer to nobody who did not ask for it.
    Vary: HEADER,
  },
  ...rest,
  handedOver: bytes,
});
