import { context, diag, DiagLogLevel, propagation, trace, type DiagLogger } from '@opentelemetry/api';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Logger } from 'pino';
import type { Protocol } from './read-variables.js';

/** The export of spans, until it is closed. */
export interface SpanExport {
  /** Exports what has ended, for as long as it may take at most, and ends. Never rejects. */
  close(withinMs: number): Promise<void>;
}

/**
 * Exports spans by OTLP, as the SDK reads its variables: endpoint, headers, sampler, batches, limits, resource.
 *
 * @param version of the server
 */
export async function startSpanExport(protocol: Protocol, version: string, log: Logger): Promise<SpanExport> {
  diag.setLogger(createDiagnostics(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'prunecast', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(tellFailures(await openExporter(protocol), log))],
  });
  provider.register();
  // From now on the SDK complains of each batch that fails; the log has the first.
  diag.disable();
  log.info({ protocol }, 'spans are exported');
  return {
    close: async (withinMs) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => void (timer = setTimeout(resolve, withinMs)));
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
      for (const registered of [trace, context, propagation]) registered.disable();
    },
  };
}

async function openExporter(protocol: Protocol): Promise<SpanExporter> {
  switch (protocol) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
  }
}

/** Tells once that spans do not arrive, and once that they do again. */
function tellFailures(exporter: SpanExporter, log: Logger): SpanExporter {
  let fails = false;
  return {
    export: (spans, told) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed && !fails)
          log.warn(
            { cause: describe(result.error) },
            'spans are lost: their collector cannot be reached or does not take them',
          );
        if (!failed && fails) log.info('spans are exported again');
        fails = failed;
        told(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

/** A failure to reach several addresses at once has no message of its own. */
function describe(error: Error | undefined): string {
  const code = error !== undefined && 'code' in error ? String(error.code) : '';
  return [code, error?.message ?? ''].filter((part) => part !== '').join(': ') || 'unknown';
}

const ignore = (): void => undefined;

/** What the SDK says of variables that it cannot follow. Of a header it would say the value, which is a secret. */
function createDiagnostics(log: Logger): DiagLogger {
  const warn = (message: string): void =>
    log.warn(
      `tracing: ${message.startsWith('Header ') ? 'OTEL_EXPORTER_OTLP_HEADERS has what no header can have' : message}`,
    );
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
}
