import { InvalidArgumentError, type Command } from 'commander';
import { ConnectionFault } from '../../client/connection-fault.js';
import { CallError } from '../../client/index.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  healthCheckResponse_ServingStatusToJSON as nameStatus,
  type HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/grpc/health/v1/health.js';
import { addFlags } from '../options/flag-option.js';
import { addRunningServerFlags, type RunningServerFlags } from '../options/server.js';
import { CommandFailure } from '../output/command-failure.js';
import { createPrinter } from '../output/printer.js';
import type { Access } from '../session/access.js';
import { findRunning } from '../session/ask-running-server.js';

interface HealthFlags extends RunningServerFlags {
  readonly service?: string;
  readonly timeoutMs?: string;
}

const CHECK = '/grpc.health.v1.Health/Check';

/** A probe that hangs is one that failed; orchestrators ask again. */
const TIMEOUT_MS = 3_000;

/**
 * `prunecast health`: whether a server takes calls (grpc.health.v1), for probes of containers and services. Unlike other
 * commands it never starts a server.
 */
export function addHealthCommand(program: Command): void {
  const command = program
    .command('health')
    .description('ask a server whether it takes calls, for probes: exit code 0 if it is SERVING, else 1; starts none');
  addFlags(
    command,
    { flags: '--service <NAME>', summary: 'one service instead of the whole server: prunecast.v1.PruningService' },
    { flags: '--timeout-ms <MS>', summary: `how long to wait for the answer (default: ${TIMEOUT_MS})` },
  );
  addRunningServerFlags(command);
  command.action(async (flags: HealthFlags) => {
    const printer = createPrinter(flags);
    const access = await findRunning(flags);
    const { address } = access;
    const answer = await check(access, flags).catch((error: unknown) => {
      throw access.explain(error);
    });
    const status = nameStatus(answer);
    if (status !== 'SERVING') throw new CommandFailure(`the server at ${address} is ${status}`);
    if (printer.format === 'json') printer.json({ address, status });
    else if (flags.quiet !== true) printer.lines(status);
  });
}

async function check({ address, connect }: Access, { service = '', timeoutMs }: HealthFlags): Promise<ServingStatus> {
  const limitMs = readTimeout(timeoutMs);
  const client = connect();
  try {
    const request = HealthCheckRequest.encode({ service }).finish();
    for await (const bytes of client.exchange(CHECK, [request], { timeoutMs: limitMs }))
      return HealthCheckResponse.decode(bytes).status;
    throw new CommandFailure(`the server at ${address} ended the call without an answer`);
  } catch (error) {
    if (error instanceof CallError && error.code === 'UNAVAILABLE' && !(error instanceof ConnectionFault))
      throw new CommandFailure(`no server answers at ${address}`);
    if (error instanceof CallError && error.code === 'DEADLINE_EXCEEDED')
      throw new CommandFailure(`the server at ${address} did not answer in ${limitMs} ms`);
    throw error;
  } finally {
    client.close();
  }
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return TIMEOUT_MS;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 3_600_000)
    throw new InvalidArgumentError(`--timeout-ms is "${text}"; allowed are 1 to 3600000 milliseconds`);
  return value;
}
