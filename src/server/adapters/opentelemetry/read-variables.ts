/** How spans travel to their collector. */
export const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What the `OTEL_*` variables say of the export of spans; the SDK reads all others by itself. */
export type Export =
  | { readonly isOn: false; readonly fault?: string }
  | { readonly isOn: true; readonly protocol: Protocol };

/**
 * Spans are exported if OTEL_TRACES_EXPORTER is `otlp`, or if it is not set and there is an address to export them to;
 * never if OTEL_SDK_DISABLED is `true`. An empty variable counts as not set.
 */
export function readExport(env: Readonly<Record<string, string | undefined>>): Export {
  const read = (name: string): string | undefined => env[name]?.trim() || undefined;
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return { isOn: false };
  const exporter = read('OTEL_TRACES_EXPORTER');
  const place = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].find((name) => read(name));
  if (exporter === 'none' || (exporter === undefined && place === undefined)) return { isOn: false };
  if (exporter !== undefined && exporter !== 'otlp')
    return off('OTEL_TRACES_EXPORTER names an exporter that there is not: set `otlp` or `none`');
  const protocol = read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL') ?? PROTOCOLS[0];
  if (!isProtocol(protocol))
    return off(`OTEL_EXPORTER_OTLP_PROTOCOL names a protocol that there is not: set one of ${PROTOCOLS.join(', ')}`);
  if (place !== undefined && protocol !== 'grpc' && !isHttp(read(place)))
    return off(`${place} is no URL: set one such as http://127.0.0.1:4318`);
  return { isOn: true, protocol };
}

function off(fault: string): Export {
  return { isOn: false, fault };
}

function isProtocol(name: string): name is Protocol {
  return (PROTOCOLS as readonly string[]).includes(name);
}

function isHttp(url: string | undefined): boolean {
  const protocol = url !== undefined && URL.canParse(url) ? new URL(url).protocol : '';
  return protocol === 'http:' || protocol === 'https:';
}
