import { isFullDisk } from '../../core/errors/full-disk.js';
import { ofSystem } from '../../core/errors/of-system.js';
import { PrunecastError, type FieldViolation } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';

/** What the system reports about a failed call, such as ENOSPC for `write`. */
interface SystemFields {
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
}

/** An error as it crosses a thread: a structured clone loses its class and fields. */
export type ErrorMessage =
  | {
      readonly kind: 'prunecast';
      readonly reason: Reason;
      readonly message: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly violations: readonly FieldViolation[];
    }
  | {
      readonly kind: 'other';
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly system: SystemFields;
    };

export function encodeError(error: unknown): ErrorMessage {
  // Which disk is full, whoever started the thread knows.
  const reasoned = error instanceof PrunecastError ? error : isFullDisk(error) ? undefined : ofSystem(error);
  if (reasoned !== undefined) {
    const { reason, message, metadata, violations } = reasoned;
    return { kind: 'prunecast', reason, message, metadata, violations };
  }
  const plain = error instanceof Error ? error : new Error(String(error));
  const { name, message, stack } = plain;
  return { kind: 'other', name, message, stack, system: readSystemFields(plain) };
}

export function decodeError(message: ErrorMessage): Error {
  if (message.kind === 'prunecast')
    return new PrunecastError(message.reason, message.message, {
      metadata: message.metadata,
      violations: message.violations,
    });
  const error = new Error(message.message);
  error.name = message.name;
  if (message.stack !== undefined) error.stack = message.stack;
  return Object.assign(error, message.system);
}

function readSystemFields(error: Error): SystemFields {
  return Object.fromEntries(
    ['code', 'syscall', 'path'].flatMap((field) => {
      const value: unknown = Reflect.get(error, field);
      return typeof value === 'string' ? [[field, value]] : [];
    }),
  );
}
