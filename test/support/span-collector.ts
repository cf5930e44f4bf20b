/** Stands for an OpenTelemetry collector: keeps the spans that are sent to it by OTLP over HTTP, as JSON. */
import { text } from 'node:stream/consumers';
import { Listener } from './listener.js';
import type { Scope } from './tmp.js';

export interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Otlp {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<SentSpan, 'attributes'> & {
        readonly attributes: readonly { readonly key: string; readonly value: object }[];
      })[];
    }[];
  }[];
}

export interface SpanCollector {
  readonly url: string;
  readonly spans: readonly SentSpan[];
  /** All that was sent, as it came. */
  readonly bodies: readonly string[];
}

export async function startSpanCollector(scope: Scope): Promise<SpanCollector> {
  const spans: SentSpan[] = [];
  const bodies: string[] = [];
  const listener = await Listener.open((request, response) => {
    void text(request).then((body) => {
      bodies.push(body);
      const { resourceSpans } = JSON.parse(body) as Otlp;
      for (const span of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans))) {
        const attributes = span.attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]);
        spans.push({ ...span, attributes: Object.fromEntries(attributes) as SentSpan['attributes'] });
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  scope.after(() => listener.down());
  return { url: listener.url, spans, bodies };
}
