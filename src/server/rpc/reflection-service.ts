import type { ServiceDefinition } from '@grpc/grpc-js';
import { toBinary, type DescFile, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  type ServerReflectionRequest,
  ServerReflectionResponse,
  ServerReflectionService,
} from '../../gen/grpc/reflection/v1/reflection.js';
import { CODE_NUMBERS } from '../errors/encode-status.js';
import { defineService, type RpcService } from './rpc-service.js';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

/**
 * Server reflection over a compiled image of the protos, imports included (@grpc/reflection leaves them out, and
 * `buf curl` then fails). Answers as v1 and, for older tools, as v1alpha, which has the same messages.
 *
 * @param openRegistry gives all files of the API; called by the first question
 * @param services full names of the services to list
 */
export function createReflectionServices(openRegistry: () => FileRegistry, services: readonly string[]): RpcService[] {
  const reflection = defineService(ServerReflectionService, {
    serverReflectionInfo: async function* (requests) {
      for await (const request of requests)
        yield ServerReflectionResponse.create({
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(openRegistry(), services, request),
        });
    },
  });
  const alpha: ServiceDefinition = {
    serverReflectionInfo: {
      ...ServerReflectionService.serverReflectionInfo,
      path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    },
  };
  return [reflection, { ...reflection, definition: alpha }];
}

function answer(
  registry: FileRegistry,
  services: readonly string[],
  { messageRequest }: ServerReflectionRequest,
): Answer {
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return filesOr(registry.getFile(messageRequest.value), messageRequest.value);
    case 'fileContainingSymbol':
      return filesOr(findSymbol(registry, messageRequest.value), messageRequest.value);
    case 'fileContainingExtension':
    case 'allExtensionNumbersOfType':
      return refusal('NOT_FOUND', 'the API has no extensions');
    default:
      return refusal('INVALID_ARGUMENT', 'the request asks for nothing');
  }
}

/** A message, enum or service by its full name, or a method or field of one. */
function findSymbol(registry: FileRegistry, symbol: string): DescFile | undefined {
  const found = registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.'))));
  return found?.file;
}

/** A file with all that it imports, itself first. */
function filesOr(file: DescFile | undefined, asked: string): Answer {
  if (!file) return refusal('NOT_FOUND', `nothing of the API is called "${asked}"`);
  const files = new Set<DescFile>();
  const collect = (next: DescFile): void => {
    if (files.has(next)) return;
    files.add(next);
    next.dependencies.forEach(collect);
  };
  collect(file);
  const fileDescriptorProto = [...files].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function refusal(code: 'NOT_FOUND' | 'INVALID_ARGUMENT', errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode: CODE_NUMBERS[code], errorMessage } };
}
