// The blocks of docs/api.md: all services, messages and enums of the API with their comments.
import { ScalarType } from '@bufbuild/protobuf';
import { REASONS } from '../dist/src/core/errors/reasons.js';
import { documentedRegistry } from '../dist/src/server/requests/api-registry.js';
import { code, table } from './markdown.mjs';

const PACKAGE = 'prunecast.v1';
/** Field numbers of descriptor.proto, which make up the path of a comment. */
const IN_FILE = { message: 4, enum: 5, service: 6 };
const IN_SERVICE = { method: 2 };
const IN_MESSAGE = { field: 2, oneof: 8 };
const IN_ENUM = { value: 2 };

/**
 * The API in Markdown, a block each. Names of types link to their tables, and reasons of errors to docs/errors.md.
 * Throws where two headings would have one anchor.
 */
export function describeApi() {
  const files = [...documentedRegistry().files].filter((file) => file.proto.package === PACKAGE).map(openFile);
  requireDistinct(files.flatMap(({ file: { messages, enums, services } }) => [...messages, ...enums, ...services]));
  const services = files.flatMap(({ file, comments }) => file.services.map((service) => ({ service, comments })));
  const types = files.filter(({ file }) => file.messages.length + file.enums.length > 0);
  return [
    '# The API',
    `The package \`${PACKAGE}\`, as the [protos](../proto/${PACKAGE.replace('.', '/')}) declare it and reflection tells it. [Calling it from other languages](clients.md) shows how; [Limits](limits.md) has the bounds of all requests in one table, [Errors](errors.md) what each reason means.`,
    files.flatMap(({ conventions }) => conventions).join('\n\n'),
    '## Services',
    services
      .map(({ service }) => `- ${linkTo(service)}: ${service.methods.map(({ name }) => name).join(', ')}`)
      .join('\n'),
    ...services.flatMap(({ service, comments }) => describeService(service, comments)),
    '## Messages',
    types.map(({ file: { messages, enums } }) => `- ${[...messages, ...enums].map(linkTo).join(', ')}`).join('\n'),
    ...types.flatMap(({ file, comments }) => [
      ...file.messages.flatMap((message) => describeMessage(message, comments)),
      ...file.enums.flatMap((each) => describeEnum(each, comments)),
    ]),
    '## Reasons of errors',
    Object.keys(REASONS).map(linkReason).join(', '),
  ];
}

/** A file, its comments by their path, and what it says of all files: a comment before its first message. */
function openFile(file) {
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  const comments = new Map(
    locations.map(({ path, leadingComments }) => [path.join(), leadingComments.replace(/^ /gm, '').trim()]),
  );
  const conventions = locations
    .flatMap(({ leadingDetachedComments }) => leadingDetachedComments)
    .map((comment) => comment.replace(/^ /gm, '').trim());
  return { file, conventions, comments: (...path) => comments.get(path.join()) ?? '' };
}

function describeService(service, comments) {
  const path = [IN_FILE.service, service.file.services.indexOf(service)];
  return [
    `### ${service.name}`,
    inText(comments(...path)),
    table(
      ['method', 'request', 'answer', 'what it does'],
      service.methods.map((method, index) => [
        code(method.name),
        describeSide(
          method.input,
          method.methodKind.endsWith('di_streaming') || method.methodKind === 'client_streaming',
        ),
        describeSide(
          method.output,
          method.methodKind.endsWith('di_streaming') || method.methodKind === 'server_streaming',
        ),
        inText(comments(...path, IN_SERVICE.method, index)),
      ]),
    ),
  ];
}

function describeSide(message, isStream) {
  return `${isStream ? 'stream of ' : ''}${linkTo(message)}`;
}

function describeMessage(message, comments) {
  const path = [IN_FILE.message, message.file.messages.indexOf(message)];
  const rows = message.fields.map((field) => [
    code(field.name),
    describeType(field),
    String(field.number),
    [
      field.oneof === undefined ? '' : `One of ${code(field.oneof.name)}.`,
      inText(comments(...path, IN_MESSAGE.field, message.proto.field.indexOf(field.proto))),
    ]
      .filter((part) => part !== '')
      .join(' '),
  ]);
  const oneofs = message.oneofs.map(
    (oneof) =>
      `${code(oneof.name)}: at most one of ${oneof.fields.map(({ name }) => code(name)).join(', ')}. ${inText(comments(...path, IN_MESSAGE.oneof, message.proto.oneofDecl.indexOf(oneof.proto)))}`,
  );
  return [
    `### ${message.name}`,
    inText(comments(...path)),
    ...oneofs,
    rows.length === 0 ? 'No fields.' : table(['field', 'type', 'number', 'meaning'], rows),
  ];
}

function describeEnum(each, comments) {
  const path = [IN_FILE.enum, each.file.enums.indexOf(each)];
  return [
    `### ${each.name}`,
    inText(comments(...path)),
    table(
      ['value', 'number', 'meaning'],
      each.values.map((value, index) => [
        code(value.name),
        String(value.number),
        inText(comments(...path, IN_ENUM.value, index)),
      ]),
    ),
  ];
}

/** `string`, `optional double`, `repeated Budget`, `map<string, double>`. */
function describeType(field) {
  const { fieldKind, scalar, message, enum: values, proto } = field;
  const one = message ?? values;
  const name = one === undefined || one === null ? code(ScalarType[scalar].toLowerCase()) : linkTo(one);
  if (fieldKind === 'map') return `map of ${code(ScalarType[field.mapKey].toLowerCase())} to ${name}`;
  if (fieldKind === 'list') return `repeated ${name}`;
  return `${proto.proto3Optional ? 'optional ' : ''}${name}`;
}

function linkTo(type) {
  return type.typeName.startsWith(`${PACKAGE}.`) ? `[${type.name}](#${anchorOf(type)})` : code(type.typeName);
}

function anchorOf({ name }) {
  return name.toLowerCase();
}

function linkReason(reason) {
  return `[${reason}](errors.md#${reason.toLowerCase()})`;
}

/** A comment on one line, with links to the reasons that it names. */
function inText(comment) {
  return comment
    .replaceAll('\n', ' ')
    .replaceAll('<', '&lt;')
    .replace(/\b[A-Z]+(?:_[A-Z]+)+\b/g, (word) => (Object.hasOwn(REASONS, word) ? linkReason(word) : word));
}

function requireDistinct(types) {
  const seen = new Set();
  for (const type of types) {
    if (seen.has(anchorOf(type))) throw new Error(`two types have the anchor ${anchorOf(type)}`);
    seen.add(anchorOf(type));
  }
}
