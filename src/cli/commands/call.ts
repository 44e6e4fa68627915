import { toJson, fromBinary, type DescMethod } from '@bufbuild/protobuf';
import { InvalidArgumentError, type Command } from 'commander';
import { FlagOption } from '../options/flag-option.js';
import { addServerFlags, type ServerFlags } from '../options/server.js';
import { parseJson, readTextArgument } from '../../flags/values.js';
import { createPrinter } from '../output/printer.js';
import { findMethod, fromProtoJson, protoRegistry } from '../proto/proto-json.js';
import { useServer } from '../session/use-server.js';

interface Flags extends ServerFlags {
  readonly request: string;
}

/** `prunecast call`: any method of the API, requests and answers as proto JSON. */
export function addCallCommand(program: Command): void {
  const command = program
    .command('call <SERVICE.METHOD>')
    .description(
      'send a request as proto JSON to any method, and print the answers as JSON lines; paths are absolute, or relative to a root of the server',
    )
    .addOption(
      new FlagOption({
        flags: '--request <FILE|@JSON|->',
        summary: 'the request; for a stream of requests a JSON array, or one request per line',
        proposes: { from: 'files' },
      }).default('@{}'),
    );
  addServerFlags(command).action(async (name: string, flags: Flags) => {
    const method = findMethod(name);
    const requests = readRequests(method, flags.request);
    const printer = createPrinter({ json: true });
    await useServer(flags, async ({ client }) => {
      const path = `/${method.parent.typeName}/${method.name}`;
      for await (const bytes of client.exchange(path, requests))
        printer.json(toJson(method.output, fromBinary(method.output, bytes), { registry: protoRegistry() }));
    });
  });
}

function readRequests(method: DescMethod, source: string): Uint8Array[] {
  const text = readTextArgument(source);
  const streams = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  if (!streams) return [fromProtoJson(method.input.typeName, parseJson(text, source))];
  const values = text.trimStart().startsWith('[')
    ? parseJson(text, source)
    : text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => parseJson(line, source));
  if (!Array.isArray(values)) throw new InvalidArgumentError(`${source}: a stream of requests is an array.`);
  return values.map((value) => fromProtoJson(method.input.typeName, value));
}
