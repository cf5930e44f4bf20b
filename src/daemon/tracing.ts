/**
 * Sends spans to a collector, by OTLP over HTTP: the only file that knows OpenTelemetry's SDK, which is loaded no earlier than
 * the configuration asks for it. A collector that is slow or gone costs spans, never a pull.
 */
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import type { Config } from '../config/schema.js';
import { abortable } from '../lib/async.js';
import type { Logger } from '../lib/log.js';
import { load } from '../lib/optional-package.js';
import { version } from '../lib/version.js';

interface Sdk {
  readonly NodeTracerProvider: new (options: object) => { register(): void; shutdown(): Promise<void> };
  readonly BatchSpanProcessor: new (exporter: object) => object;
  readonly ParentBasedSampler: new (options: { root: object }) => object;
  readonly TraceIdRatioBasedSampler: new (ratio: number) => object;
}
interface Exporter {
  readonly OTLPTraceExporter: new (options: { url: string; timeoutMillis: number }) => object;
}
interface Resources {
  readonly resourceFromAttributes: (attributes: object) => object;
}

/** Milliseconds. */
const EXPORT_TIMEOUT = 5_000;
/** Milliseconds that a stop waits for the last spans to leave. */
const LAST_EXPORT = 500;

/** Returns what ends it. Throws CONFIG_INVALID when its packages are not installed. */
export async function startTracing({ endpoint, ratio }: Config['tracing'], log: Logger): Promise<() => Promise<void>> {
  if (!endpoint) return () => Promise.resolve();
  const sdk = await load<Sdk>('@opentelemetry/sdk-trace-node', 'tracing');
  const { OTLPTraceExporter } = await load<Exporter>('@opentelemetry/exporter-trace-otlp-http', 'tracing');
  const { resourceFromAttributes } = await load<Resources>('@opentelemetry/resources', 'tracing');
  const url = `${endpoint.href.replace(/\/$/, '')}/v1/traces`;
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'cistern', 'service.version': version() }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT }))],
  });
  const quiet = () => undefined;
  const warn = (message: string) => log.warn({ err: message }, 'tracing');
  diag.setLogger({ error: warn, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
  provider.register();
  return async () => {
    // They are one for the whole process: the next daemon in it begins anew.
    for (const part of [trace, context, propagation, diag]) part.disable();
    await abortable(provider.shutdown(), AbortSignal.timeout(LAST_EXPORT)).catch((error: unknown) =>
      warn(String(error)),
    );
  };
}
