import { expect, it } from 'vitest';
import { readTraceContext } from '../../src/core/trace-context.js';

const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
const read = (traceparent: string, ...tracestate: string[]) =>
  readTraceContext((name) => (name === 'traceparent' ? [traceparent] : name === 'tracestate' ? tracestate : []));

it.each([`00-${trace}-${span}-01`, `00-${trace}-${span}-00`, `cc-${trace}-${span}-01-what-the-future-will-be-like`])(
  'takes the headers of a trace as W3C Trace Context has them: %s',
  (traceparent) => {
    expect(read(traceparent, 'a=1', 'b=2')).toEqual({ traceparent, tracestate: 'a=1,b=2' });
    expect(read(traceparent)).toEqual({ traceparent });
    expect(read(traceparent, 'a'.repeat(513))).toEqual({ traceparent });
  },
);

it.each([
  '',
  `00-${trace}-${span}`,
  `00-${trace}-${span}-1`,
  `ff-${trace}-${span}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${'0'.repeat(32)}-${span}-01`,
  `00-${trace}-${'0'.repeat(16)}-01`,
  `00-${trace}-${span}-01 `,
  `00-${trace}-${span}-01-more`,
  `cc-${trace}-${span}-01-${'x'.repeat(100)}`,
])('takes nothing else: "%s"', (traceparent) => {
  expect(read(traceparent)).toBeUndefined();
});
