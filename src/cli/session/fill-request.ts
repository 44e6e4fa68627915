import { InvalidArgumentError, type Command } from 'commander';
import type { Given, Json, JsonObject, Place } from '../../flags/request-flag.js';
import { RequestArgument, requestOptions, type RequestOption, type RequestType } from '../options/request-option.js';
import { fillFlag } from '../../flags/fill-flag.js';
import { setField } from '../../flags/set-field.js';
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
  const { ownJson = false } = flag;
  return fillFlag(flag, given, request, (place, text) => placeValue(place, text, places)).map((filled) => ({
    ...filled,
    flag: long ?? flag.flags,
    ownJson,
  }));
}

function placeValue(place: Place, text: string, { toModel, toOutput, toText }: Places): Json {
  return place === 'text' ? toText(text) : place === 'model' ? toModel(text) : toOutput(text);
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
