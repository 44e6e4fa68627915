// The blocks of docs/api.md and docs/plugin-api.md: all services, messages and enums of a package of the protos with
// their comments.
import { ScalarType } from '@bufbuild/protobuf';
import { REASONS } from '../dist/src/core/errors/reasons.js';
import { code, table } from './markdown.mjs';

/** Field numbers of descriptor.proto, which make up the path of a comment. */
const IN_FILE = { message: 4, enum: 5, service: 6, syntax: 12 };
const IN_SERVICE = { method: 2 };
const IN_MESSAGE = { field: 2, oneof: 8 };
const IN_ENUM = { value: 2 };

/**
 * A package of a registry in Markdown, a block each, below `head`. Names of types link to their tables, and reasons of
 * errors to docs/errors.md. Throws where two headings would have one anchor.
 */
export function describePackage(registry, name, head) {
  const files = [...registry.files].filter((file) => file.proto.package === name).map(openFile);
  requireDistinct(files.flatMap(({ file: { messages, enums, services } }) => [...messages, ...enums, ...services]));
  const services = files.flatMap(({ file, comments }) => file.services.map((service) => ({ service, comments })));
  const types = files.filter(({ file }) => file.messages.length + file.enums.length > 0);
  return [
    ...head,
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
  ];
}

/** The list of all reasons, with links to docs/errors.md. */
export function describeReasons() {
  return ['## Reasons of errors', Object.keys(REASONS).map(linkReason).join(', ')];
}

/** A file, its comments by their path, and what it says of all files: a comment before its first line or message. */
function openFile(file) {
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  const comments = new Map(
    locations.map(({ path, leadingComments }) => [path.join(), leadingComments.replace(/^ /gm, '').trim()]),
  );
  const conventions = locations
    .flatMap(({ path, leadingComments, leadingDetachedComments }) =>
      path.join() === String(IN_FILE.syntax) ? [...leadingDetachedComments, leadingComments] : leadingDetachedComments,
    )
    .filter((comment) => comment !== '')
    .map((comment) =>
      comment
        .replace(/^ /gm, '')
        .trim()
        .replace(/^[A-Z][A-Z ]+$/gm, toHeading),
    );
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
  return type.typeName.startsWith('prunecast.') ? `[${type.name}](#${anchorOf(type)})` : code(type.typeName);
}

function anchorOf({ name }) {
  return name.toLowerCase();
}

function linkReason(reason) {
  return `[${reason}](errors.md#${reason.toLowerCase()})`;
}

/** `ATTACHED OR LAUNCHED`, a line of its own in a comment, as a heading. */
function toHeading(line) {
  return `## ${line[0]}${line.slice(1).toLowerCase()}`;
}

/** A comment on one line, with links to the reasons that it names, and without what it tells buf. */
function inText(comment) {
  return comment
    .replace(/^buf:lint:.*$/gm, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ')
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
