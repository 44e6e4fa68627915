import type { CanonicalCode } from './codes.js';

/**
 * Every reason that a caller may get; the errors page is generated from it. Clients match on the keys: never rename
 * one.
 */
export const REASONS = {
  INVALID_REQUEST: {
    code: 'INVALID_ARGUMENT',
    meaning: 'A field of the request is missing or out of bounds; BadRequest names each field and what is allowed.',
  },
  MESSAGE_MALFORMED: {
    code: 'INVALID_ARGUMENT',
    meaning:
      'The bytes of the request do not form its message: they are truncated, a field has another wire type, or a text is not UTF-8; metadata has the method.',
  },
  REQUEST_TOO_LARGE: {
    code: 'RESOURCE_EXHAUSTED',
    meaning:
      'The request, or what it decompresses to, is larger than a message may be, or the metadata of the call is larger than allowed; metadata has the limit in bytes.',
  },
  INVALID_OPTIONS: {
    code: 'INVALID_ARGUMENT',
    meaning: "A plug-in's options do not match its schema; BadRequest names each field.",
  },
  PLUGIN_NOT_FOUND: {
    code: 'NOT_FOUND',
    meaning: 'No plug-in of this kind has this id; metadata lists the existing ones.',
  },
  PLUGIN_FAILED: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'A plug-in threw an error, did not answer in time, or ended its thread; metadata has its kind and id and the method. Only this call failed.',
  },
  PLUGIN_INVALID: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'A plug-in breaks its contract: a method answered with NaN, the wrong length or the wrong form, or a worker found another plug-in in its module than the server; metadata has its kind and id and the method. Only this call failed. A server does not start with a plug-in that has the wrong form.',
  },
  MODEL_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No checkpoint folder of this name lies under a model root.' },
  MODEL_MALFORMED: {
    code: 'INVALID_ARGUMENT',
    meaning:
      'A file of the checkpoint is truncated, contradicts its own header, or does not fit the configuration; metadata has the file and the tensor.',
  },
  MODEL_UNSUPPORTED: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The checkpoint is of a family, or uses a feature, that the engine does not support; metadata names it.',
  },
  MODEL_CHANGED: {
    code: 'ABORTED',
    meaning:
      'A file of the checkpoint has changed since the work began, or is being written; metadata has the file. What was measured before stays stored under the digest of the earlier checkpoint: ask again for the present one.',
  },
  PATH_OUTSIDE_ROOTS: {
    code: 'INVALID_ARGUMENT',
    meaning:
      'A path, or a link on it or in a checkpoint folder, leads outside the configured model, data or output root.',
  },
  TEXT_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No text file of this name lies under a data root.' },
  TEXT_TOO_SHORT: {
    code: 'INVALID_ARGUMENT',
    meaning: 'The text has fewer tokens than one window, or than the parts of a study need; metadata has both numbers.',
  },
  TOKENIZER_MISSING: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The checkpoint has no tokenizer.json: make one as the message says, or send token ids instead of text.',
  },
  TOKENIZER_TIMEOUT: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The tokenizer took more processor time for a text than is allowed; metadata has the limit. Its expressions may never end on this text, or the text is too long for it.',
  },
  ARCHITECTURE_INVALID: {
    code: 'INVALID_ARGUMENT',
    meaning:
      "The architecture does not fit the model: wrong number of layers, or counts that are negative or above the model's own. In a Predict, it may also be one that the predictor's space cannot express.",
  },
  SPACE_INVALID: { code: 'INVALID_ARGUMENT', meaning: 'The search space is empty or contradicts the model.' },
  BUDGET_INFEASIBLE: {
    code: 'FAILED_PRECONDITION',
    meaning: 'No architecture of the search space meets all budgets; metadata has the nearest.',
  },
  METRIC_INVALID: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'A measured or predicted metric is NaN or infinite, so it is neither stored nor answered; metadata has the metric, its value and the window.',
  },
  VALUES_OUT_OF_RANGE: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'A weight is larger than the dtype in which it is to be written can hold: a compensated or trained one that of the checkpoint, or any the one that was asked for. metadata has the tensor, the dtype and the value.',
  },
  CALIBRATION_UNUSABLE: {
    code: 'FAILED_PRECONDITION',
    meaning:
      "Activations of the calibration text exceed the range of float32, or a compensation's fit to them has no solution; metadata has the layer or the pivot, the message says what to do.",
  },
  WINDOWS_OVERLAP: {
    code: 'INVALID_ARGUMENT',
    meaning: 'A verify or report window is also used for calibration, search or recovery.',
  },
  MEASUREMENT_MISMATCH: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The pairs carry different measurement fingerprints or fidelities: their labels are not comparable.',
  },
  PAIRS_INVALID: {
    code: 'INVALID_ARGUMENT',
    meaning:
      'A label or rate of a pair is not finite or is out of bounds, or a pair has the wrong number of dimensions.',
  },
  PAIRS_TOO_FEW: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The predictor needs more pairs than there are; metadata has both numbers.',
  },
  PAIRS_TOO_MANY: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The predictor takes fewer pairs than there are; metadata has both numbers.',
  },
  PREDICTOR_FAILED: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The predictor could not be fitted or asked; the message has its reason.',
  },
  REGRESSOR_INVALID: {
    code: 'INVALID_ARGUMENT',
    meaning:
      "The file of a user's regressor is missing, too large, or not of the form [N, dimensions] to [N, metrics]; the message says which.",
  },
  OUTPUT_CHANGED: {
    code: 'ABORTED',
    meaning: 'A file of the output was written or replaced while it was downloaded: download the output again.',
  },
  OUTPUT_NOT_FOUND: {
    code: 'NOT_FOUND',
    meaning: 'The output root has no output of this name, or its folder has no readable `prunecast.json`.',
  },
  OUTPUT_EXISTS: { code: 'ALREADY_EXISTS', meaning: 'The output exists and `overwrite` is not set.' },
  OUTPUT_PROTECTED: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The output is, contains or lies in a model, a text or the state folder, or its folder holds files that no earlier output wrote: `overwrite` only replaces earlier outputs.',
  },
  OUTPUT_NOT_WRITTEN: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The output cannot be written to its place, or was disturbed while it was written; the message says by what. Nothing half-written stays.',
  },
  EXPORT_UNSUPPORTED: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The exporter can write nothing of this model with these options, or an evaluator measures written checkpoints and its exporter cannot write this architecture; the message says why, and what would do.',
  },
  REQUEST_ID_REUSED: {
    code: 'ALREADY_EXISTS',
    meaning: 'The request id belongs to a job with another request: use a new id.',
  },
  JOB_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No job has this id; it was never started, or it was deleted.' },
  JOB_ACTIVE: { code: 'FAILED_PRECONDITION', meaning: 'The job has not ended: cancel it first.' },
  JOB_NOT_RESUMABLE: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The job cannot be resumed: it is not paused, or its request resolves to something else than when it began. Metadata has the field that differs, what it `was` and what it `is`; BadRequest lists all fields.',
  },
  STUDY_CHANGED: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'What a study was measured with is no longer what the server has. Metadata has the field that differs, what it `was` and what it `is`.',
  },
  SERVICE_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No service of this server has this name.' },
  STUDY_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No study has this id.' },
  PREDICTOR_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No predictor has this id.' },
  EVENTS_COMPACTED: {
    code: 'OUT_OF_RANGE',
    meaning: 'The events after this number are no longer kept; metadata has the oldest kept number.',
  },
  DEADLINE_EXCEEDED: {
    code: 'DEADLINE_EXCEEDED',
    meaning: 'The deadline that the caller set has passed; a job that the call started continues.',
  },
  CANCELLED: { code: 'CANCELLED', meaning: 'The job or the call was cancelled by a caller.' },
  SERVER_RESTARTED: {
    code: 'ABORTED',
    meaning: 'The server stopped before the job was finished, and an earlier version had not stored its request.',
  },
  JOB_POISONED: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The server ended three times in a row while it worked on the job, which stored nothing in between, so the job is set aside. Check the log and the memory of the server, change the request, and start it under a new request id.',
  },
  LEASE_HELD: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'Another server on the same state works on the job; RetryInfo says when its lease expires if that server is gone.',
  },
  LEASE_LOST: {
    code: 'ABORTED',
    meaning: 'Another server on the same state has taken over the job; further results of this server are not stored.',
  },
  SERVER_STARTING: {
    code: 'UNAVAILABLE',
    meaning:
      'The server listens, but still recovers its jobs: ask again in a moment. Health says NOT_SERVING meanwhile.',
  },
  SERVER_STOPPING: {
    code: 'UNAVAILABLE',
    meaning:
      'The server is shutting down: watch the job again when it is back. Of a stream of events metadata has `job_id` and, as `after_sequence`, the number of the last event that was sent.',
  },
  STORAGE_FULL: {
    code: 'RESOURCE_EXHAUSTED',
    meaning:
      'The disk of the state folder or of the output root is full: make room. Metadata names the setting of the `folder` (`stateDirectory`, `outputRoot`), `free_bytes` and, if it is known, `needed_bytes`. A job that meets this is PAUSED with it, and goes on by itself when there is room; no half-written output stays. A call that has to store something is refused.',
  },
  UPLOADS_FULL: {
    code: 'RESOURCE_EXHAUSTED',
    meaning:
      'The upload, with those that are stored, takes more than the server allows for uploads; metadata has the limit and what is taken.',
  },
  UPLOAD_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'No uploaded file or folder has this path.' },
  UPLOAD_IN_USE: {
    code: 'FAILED_PRECONDITION',
    meaning: 'The upload is named by a job that has not ended, which reads it again when it is resumed.',
  },
  STATE_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    meaning:
      'The state folder cannot be read or written: it is read-only, was taken away, or another process has held its database locked for longer than five seconds. The log has the cause. A job that meets this is PAUSED with it, and goes on by itself when its state can be written again.',
  },
  STATE_DAMAGED: {
    code: 'DATA_LOSS',
    meaning:
      'Something in the state folder is not what the server stored there, or a newer server stored it; metadata names it. Restore the folder from a backup, delete what is named, or use the newer server.',
  },
  OVERLOADED: {
    code: 'RESOURCE_EXHAUSTED',
    meaning:
      'Too many jobs are waiting, or the system does not let the server open more files or start more threads; RetryInfo says when to try again.',
  },
  MEMORY_EXCEEDED: {
    code: 'RESOURCE_EXHAUSTED',
    meaning:
      'The work can never fit the memory budget; metadata has what it needs and what is allowed. Or the system has no more memory.',
  },
  PRECISION_UNAVAILABLE: {
    code: 'FAILED_PRECONDITION',
    meaning:
      'The requested precision is not available on this CPU; GetServerInfo lists those that are, metadata has what the self-test found.',
  },
  MESSAGE_TOO_LARGE: {
    code: 'INVALID_ARGUMENT',
    meaning:
      'The batch, or the answer to a request, exceeds the message limit: the message says what to send or ask for instead.',
  },
  UNAUTHENTICATED: {
    code: 'UNAUTHENTICATED',
    meaning: 'The caller did not identify itself in the way that this server requires.',
  },
  SCOPE_MISSING: {
    code: 'PERMISSION_DENIED',
    meaning:
      "The caller's token has no scope for this method; metadata has the scope that is needed and those that it has.",
  },
  PERMISSION_DENIED: { code: 'PERMISSION_DENIED', meaning: 'The caller may not call this method.' },
  ORIGIN_REFUSED: {
    code: 'PERMISSION_DENIED',
    meaning:
      'The dashboard was asked under a name that the settings do not allow, or by a page of another site; the message says what to do.',
  },
  PAGE_NOT_FOUND: { code: 'NOT_FOUND', meaning: 'The dashboard has no page and no call of this path.' },
  NOT_IMPLEMENTED: {
    code: 'UNIMPLEMENTED',
    meaning: 'The API has no such method, or this version of the server does not offer the method or option.',
  },
  INTERNAL: { code: 'INTERNAL', meaning: 'A fault of the server; metadata has the id under which it is logged.' },
} as const satisfies Record<string, { code: CanonicalCode; meaning: string }>;

export type Reason = keyof typeof REASONS;
