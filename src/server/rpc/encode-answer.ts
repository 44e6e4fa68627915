import type { MethodDefinition } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';

/**
 * Encodes an answer before it is handed to gRPC. Throws MESSAGE_TOO_LARGE, with a way out, for one that is larger than
 * a message.
 */
export type EncodeAnswer = <Response>(response: Response) => Response;

export interface AnswerEncoder {
  readonly encode: EncodeAnswer;
  /** For gRPC: the bytes of an answer that `encode` was given before. */
  readonly serialize: (response: unknown) => Buffer;
}

/** The encoder of one method's answers: each is encoded once. */
export function createAnswerEncoder({
  path,
  responseSerialize,
}: Pick<MethodDefinition<unknown, unknown>, 'path' | 'responseSerialize'>): AnswerEncoder {
  const encoded = new WeakMap<object, Buffer>();
  return {
    encode: (response) => {
      const bytes = responseSerialize(response);
      if (bytes.length > MAX_MESSAGE_BYTES) throw describeTooLarge(path.slice(1), bytes.length);
      if (response instanceof Object) encoded.set(response, bytes);
      return response;
    },
    serialize: (response) =>
      (response instanceof Object ? encoded.get(response) : undefined) ?? responseSerialize(response),
  };
}

/** What to ask for instead, per method. For other methods the caller does not choose the size of the answer. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  'prunecast.v1.PruningService/PlanEvaluate': 'plan fewer targets at once',
  'prunecast.v1.PruningService/Predict': 'send fewer rows a call',
  'prunecast.v1.PredictorService/ExplainPredictor': 'ask for fewer points',
  'prunecast.v1.PredictorService/ListPredictors': 'ask for a smaller page_size',
  'prunecast.v1.PredictorService/ProposeRefinement':
    'give a space of fewer dimensions: tie layers, or protect more of them',
  'prunecast.v1.JobService/ListJobs': 'ask for a smaller page_size',
  'prunecast.v1.StudyService/ListStudies': 'ask for a smaller page_size',
  'prunecast.v1.StudyService/ListTrials': 'ask for a smaller page_size',
  'prunecast.v1.StudyService/QueryStudy': 'ask for a smaller count',
  'prunecast.v1.StudyService/GetStudy':
    "its trials and predictors come in pages from ListTrials and ListPredictors, its report's units from the output's prunecast.json",
  'prunecast.v1.StudyService/GetStudyReport': 'ask for no document; trials come in pages from ListTrials',
  'prunecast.v1.ModelService/InspectModel': 'give a space of fewer dimensions: tie layers, or protect more of them',
  'prunecast.v1.CatalogService/ListPlugins': 'ask for one kind at a time',
};

function describeTooLarge(method: string, bytes: number): PrunecastError {
  const wayOut = WAYS_OUT[method] ?? 'it has no shorter form';
  return new PrunecastError(
    'MESSAGE_TOO_LARGE',
    `the answer of ${method} has ${bytes} bytes, a message holds ${MAX_MESSAGE_BYTES}: ${wayOut}`,
    { metadata: { bytes: String(bytes), most: String(MAX_MESSAGE_BYTES) } },
  );
}
