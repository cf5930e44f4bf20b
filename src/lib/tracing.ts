/**
 * Spans, by OpenTelemetry's API. Nothing is recorded until `daemon/tracing.ts` has loaded the SDK, and then what a span says is
 * what the log says: names, digests and codes, never a URL with its query, a header or a message. No request to an upstream
 * carries a trace's header: whom an operator watches is nobody else's business.
 */
import {
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api';
import { toAppError } from './errors.js';

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** What has a name in OpenTelemetry's semantic conventions; the rest is ours. */
const CONVENTIONAL: Readonly<Record<string, string>> = {
  method: 'http.request.method',
  status: 'http.response.status_code',
  client: 'client.address',
  host: 'server.address',
  user: 'user.name',
};

type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

const tracer = () => trace.getTracer('cistern');

function attributesOf(fields: Fields): Attributes {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [CONVENTIONAL[key] ?? `cistern.${key}`, value]),
  );
}

/** A request that somebody else may have begun to trace: `headers` say so (W3C Trace Context). */
export class RequestSpan {
  readonly #span: Span;

  constructor(name: string, headers: Readonly<Record<string, unknown>>) {
    const parent = propagation.extract(context.active(), headers);
    this.#span = tracer().startSpan(name, { kind: SpanKind.SERVER }, parent);
  }

  /** What `work` traces becomes part of it. */
  run<T>(work: () => T): T {
    if (this.#span.spanContext() === INVALID_SPAN_CONTEXT) return work();
    return context.with(trace.setSpan(context.active(), this.#span), work);
  }

  end(name: string, fields: Fields, failed: boolean): void {
    if (!this.#span.isRecording()) return;
    this.#span.updateName(name);
    this.#span.setAttributes(attributesOf(fields));
    if (failed) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }
}

/** One span for `work`, below the one that is under way; `tell` adds what is known later. */
export function traced<T>(
  name: string,
  kind: keyof typeof KINDS,
  fields: Fields,
  work: (tell: (fields: Fields) => void) => Promise<T>,
): Promise<T> {
  return tracer().startActiveSpan(name, { kind: KINDS[kind] }, async (span) => {
    if (!span.isRecording()) return work(() => undefined);
    span.setAttributes(attributesOf(fields));
    try {
      return await work((more) => span.setAttributes(attributesOf(more)));
    } catch (error) {
      span.setAttribute('error.type', toAppError(error).code);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
