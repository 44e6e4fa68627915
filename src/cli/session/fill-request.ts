import { InvalidArgumentError, type Command } from 'commander';
import {
  RequestArgument,
  requestOptions,
  type Given,
  type Json,
  type JsonObject,
  type Place,
  type RequestOption,
  type RequestType,
} from '../flags/request-option.js';
import { fromProtoJson } from '../proto/proto-json.js';
import type { Places } from './places.js';
import type { FieldSource } from './field-names.js';

/** A request, and which flag set which of its fields. */
export interface FilledRequest<Message> {
  readonly request: Message;
  readonly sources: readonly FieldSource[];
}

/**
 * The request that the flags of a parsed command make: each flag sets the field that it declares, nothing else is set.
 *
 * @throws InvalidArgumentError with the flag whose value does not fit its field
 */
export function fillRequest<Message>(
  command: Command,
  { typeName, codec }: RequestType<Message>,
  places: Places,
): FilledRequest<Message> {
  const request: JsonObject = {};
  const sources = [
    ...fillArguments(command, request),
    ...requestOptions(command).flatMap((option) => fillOption(option, option.givenTo(command), request, places)),
  ];
  try {
    return { request: codec.decode(fromProtoJson(typeName, request)), sources };
  } catch (error) {
    throw nameCulprit(error, command, typeName, places);
  }
}

function fillArguments(command: Command, request: JsonObject): FieldSource[] {
  return command.registeredArguments.flatMap((argument, index) => {
    const text: unknown = command.processedArgs[index];
    if (!(argument instanceof RequestArgument) || typeof text !== 'string') return [];
    return [{ path: setField(request, argument.field, text), flag: argument.name(), text, ownJson: false }];
  });
}

function fillOption(
  { flag, long }: RequestOption,
  given: readonly Given[],
  request: JsonObject,
  places: Places,
): FieldSource[] {
  const { field, fill, ownJson = false } = flag;
  const source = (path: string, text: string) => ({ path, flag: long ?? flag.flags, text, ownJson });
  if (given.length === 0) return [];
  if (fill !== undefined) return fill(request, given).map((path) => source(path, given.at(-1)?.text ?? ''));
  if (field === undefined) return [];
  return given.map(({ text, value }) =>
    source(setField(request, field, flag.place === undefined ? value : placeValue(flag.place, text, places)), text),
  );
}

function placeValue(place: Place, text: string, { model, toOutput, toText }: Places): Json {
  return place === 'text' ? toText(text) : place === 'model' ? model : toOutput(text);
}

/** The flag whose value alone makes no message either. */
function nameCulprit(error: unknown, command: Command, typeName: string, places: Places): unknown {
  for (const option of requestOptions(command)) {
    const alone: JsonObject = {};
    try {
      fillOption(option, option.givenTo(command), alone, places);
      fromProtoJson(typeName, alone);
    } catch (reason) {
      return new InvalidArgumentError(`${option.long}: ${reason instanceof Error ? reason.message : String(reason)}`);
    }
  }
  return error;
}

/**
 * Sets a field by its path, with the messages and lists on the way, and returns the path with `[]` replaced by the
 * place of the new entry. An object is merged into an earlier one, as options come one by one.
 */
export function setField(request: JsonObject, field: string, value: Json): string {
  const steps = field.split('.');
  const path: string[] = [];
  let message = request;
  for (const [depth, step] of steps.entries()) {
    const [, name = '', index] = /^(\w+)(?:\[(\d*)\])?$/.exec(step) ?? [];
    const isLast = depth === steps.length - 1;
    if (index === undefined) {
      const before = message[name];
      message[name] = isLast ? mergeValues(before, value) : isObject(before) ? before : {};
      path.push(name);
      message = message[name] as JsonObject;
      continue;
    }
    const list = (message[name] ??= []) as Json[];
    const place = index === '' ? list.length : Number(index);
    const entry = list[place];
    list[place] = isLast ? value : isObject(entry) ? entry : {};
    path.push(`${name}[${place}]`);
    message = list[place] as JsonObject;
  }
  return path.join('.');
}

function mergeValues(before: Json | undefined, value: Json): Json {
  return isObject(before) && isObject(value) ? { ...before, ...value } : value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
