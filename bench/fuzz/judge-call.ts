import { fromBinary, ScalarType, type DescField } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { status } from '@grpc/grpc-js';
import { ErrorInfo } from '../../src/gen/google/rpc/error_details.js';
import { Status } from '../../src/gen/google/rpc/status.js';
import type { CallOutcome } from './call-method.js';
import type { ApiMethod } from './list-methods.js';
import { OUTSIDE_MARK } from './outside.js';

/** Something that no answer may be. */
export interface Fault {
  /** The same for faults of one kind. */
  readonly kind: string;
  readonly text: string;
}

/** Codes that no request may cause: a fault of the server, or an unknown error. */
const FORBIDDEN: ReadonlySet<number> = new Set([status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE]);

/** Codes with which gRPC itself ends calls, without details. */
const WITHOUT_DETAILS: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/** The faults in how a call ended; empty if there are none. */
export function judgeCall(outcome: CallOutcome, { name, output }: ApiMethod): readonly Fault[] {
  const { code, message, details, answers, isLate } = outcome;
  if (isLate) return [{ kind: `${name}: late`, text: `no end ${Math.round(outcome.tookMs)} ms after the call` }];
  const faults: Fault[] = [];
  if (FORBIDDEN.has(code)) faults.push({ kind: `${name}: ${status[code] ?? code}`, text: message });
  if (code !== status.OK && !WITHOUT_DETAILS.has(code) && readReason(details) === undefined)
    faults.push({ kind: `${name}: ${status[code] ?? code} without a reason`, text: message });
  for (const told of [message, details ?? '', ...answers])
    if (Buffer.from(told).includes(OUTSIDE_MARK))
      faults.push({ kind: `${name}: tells what lies outside of the roots`, text: message });
  for (const answer of answers) faults.push(...judgeAnswer(answer, { name, output }));
  return faults;
}

/** The reason in a status's details. */
export function readReason(details: Uint8Array | undefined): string | undefined {
  if (details === undefined) return undefined;
  const found = Status.decode(details).details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  return found && ErrorInfo.decode(found.value).reason;
}

function judgeAnswer(answer: Uint8Array, { name, output }: Pick<ApiMethod, 'name' | 'output'>): Fault[] {
  const message = reflect(output, fromBinary(output, answer));
  return [...findNonFinite(message, output.name), ...findFailedJobs(message, name)];
}

/** Floating-point numbers of an answer that are not finite. */
function findNonFinite(message: ReflectMessage, path: string): Fault[] {
  return message.desc.fields
    .filter((field) => message.isSet(field))
    .flatMap((field): Fault[] => {
      const here = `${path}.${field.name}`;
      const judge = (value: unknown): Fault[] => {
        if (typeof value === 'number')
          return isFloating(field) && !Number.isFinite(value)
            ? [{ kind: `not finite: ${here}`, text: `${here} is ${value}` }]
            : [];
        return isMessage(value) ? findNonFinite(value, here) : [];
      };
      switch (field.fieldKind) {
        case 'list':
          return [...message.get(field)].slice(0, 1000).flatMap(judge);
        case 'map':
          return [...message.get(field).values()].slice(0, 1000).flatMap(judge);
        default:
          return judge(message.get(field));
      }
    });
}

function isFloating(field: DescField): boolean {
  return 'scalar' in field && (field.scalar === ScalarType.DOUBLE || field.scalar === ScalarType.FLOAT);
}

function isMessage(value: unknown): value is ReflectMessage {
  return typeof value === 'object' && value !== null && 'desc' in value && 'isSet' in value;
}

/** Jobs in an answer that ended with a fault of the server. */
function findFailedJobs(message: ReflectMessage, name: string): Fault[] {
  if (message.desc.typeName === 'google.rpc.Status') {
    const [code, text] = ['code', 'message'].map((field) => {
      const found = message.desc.fields.find((other) => other.name === field);
      return found && message.get(found);
    });
    return typeof code === 'number' && FORBIDDEN.has(code)
      ? [{ kind: `${name}: a job ended ${status[code] ?? code}`, text: String(text) }]
      : [];
  }
  return message.desc.fields
    .filter((field) => field.fieldKind === 'message' && message.isSet(field))
    .flatMap((field) => {
      const value = message.get(field);
      return isMessage(value) ? findFailedJobs(value, name) : [];
    });
}
