import { NO_TRACER, type SpanStart, type Tracer } from '../../core/ports/tracer.js';
import type { MeasuredArchitecture } from './measure-architectures.js';

/**
 * The same results, with a span for each: from the moment when the one before was taken until it came.
 *
 * @param describe what the span of the architecture of an index is called
 */
export async function* traceMeasured(
  tracer: Tracer,
  results: AsyncIterable<MeasuredArchitecture>,
  describe: (index: number) => Pick<SpanStart, 'name' | 'attributes'>,
): AsyncGenerator<MeasuredArchitecture> {
  if (tracer === NO_TRACER) return yield* results;
  let sinceMs = Date.now();
  for await (const result of results) {
    const { name, attributes } = describe(result.index);
    const outcome = 'invalid' in result ? 'invalid' : result.tokensSpent > 0 ? 'paid' : 'found';
    tracer
      .begin({
        name,
        sinceMs,
        attributes: { ...attributes, 'prunecast.outcome': outcome, 'prunecast.tokens_spent': result.tokensSpent },
      })
      .end();
    yield result;
    sinceMs = Date.now();
  }
}
