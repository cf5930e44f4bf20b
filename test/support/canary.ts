/** A server that nobody may call: it answers anything and remembers everything, to show that nothing came. */
import type { IncomingHttpHeaders } from 'node:http';
import { Listener, type ListenerOptions } from './listener.js';
import type { Scope } from './tmp.js';

export interface Canary {
  readonly url: string;
  readonly authority: string;
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  connections(): number;
}

export async function startCanary(scope: Scope, options: ListenerOptions = {}): Promise<Canary> {
  const requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  const listener = await Listener.open((request, response) => {
    requests.push({ path: request.url ?? '', headers: request.headers });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token: 'stolen', access_token: 'stolen' }));
  }, options);
  scope.after(() => listener.down());
  return { url: listener.url, authority: listener.authority, requests, connections: () => listener.connections };
}
