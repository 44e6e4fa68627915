from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prunecast._proto.google.rpc import status_pb2 as _status_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import predictor_types_pb2 as _predictor_types_pb2
from prunecast._proto.prunecast.v1 import study_types_pb2 as _study_types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_KIND_UNSPECIFIED: _ClassVar[JobKind]
    JOB_KIND_PRUNE: _ClassVar[JobKind]
    JOB_KIND_EVALUATE: _ClassVar[JobKind]
    JOB_KIND_SEARCH: _ClassVar[JobKind]
    JOB_KIND_SAMPLE_PAIRS: _ClassVar[JobKind]
    JOB_KIND_FIT_PREDICTOR: _ClassVar[JobKind]

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_PAUSED: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]

class JobView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_VIEW_UNSPECIFIED: _ClassVar[JobView]
    JOB_VIEW_BASIC: _ClassVar[JobView]
    JOB_VIEW_FULL: _ClassVar[JobView]

class JobPhaseState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_PHASE_STATE_UNSPECIFIED: _ClassVar[JobPhaseState]
    JOB_PHASE_STATE_PENDING: _ClassVar[JobPhaseState]
    JOB_PHASE_STATE_RUNNING: _ClassVar[JobPhaseState]
    JOB_PHASE_STATE_DONE: _ClassVar[JobPhaseState]
    JOB_PHASE_STATE_SKIPPED: _ClassVar[JobPhaseState]
    JOB_PHASE_STATE_STOPPED: _ClassVar[JobPhaseState]
JOB_KIND_UNSPECIFIED: JobKind
JOB_KIND_PRUNE: JobKind
JOB_KIND_EVALUATE: JobKind
JOB_KIND_SEARCH: JobKind
JOB_KIND_SAMPLE_PAIRS: JobKind
JOB_KIND_FIT_PREDICTOR: JobKind
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_PAUSED: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
JOB_VIEW_UNSPECIFIED: JobView
JOB_VIEW_BASIC: JobView
JOB_VIEW_FULL: JobView
JOB_PHASE_STATE_UNSPECIFIED: JobPhaseState
JOB_PHASE_STATE_PENDING: JobPhaseState
JOB_PHASE_STATE_RUNNING: JobPhaseState
JOB_PHASE_STATE_DONE: JobPhaseState
JOB_PHASE_STATE_SKIPPED: JobPhaseState
JOB_PHASE_STATE_STOPPED: JobPhaseState

class Job(_message.Message):
    __slots__ = ("id", "kind", "state", "request_id", "create_time", "start_time", "end_time", "last_sequence", "queue_place", "progress", "error", "study_id", "phases", "request", "labels", "prune", "evaluate", "search", "sample_pairs", "predictor")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_PLACE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_PAIRS_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: JobKind
    state: JobState
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    last_sequence: int
    queue_place: int
    progress: JobProgress
    error: _status_pb2.Status
    study_id: str
    phases: _containers.RepeatedCompositeFieldContainer[JobPhase]
    request: _any_pb2.Any
    labels: _containers.ScalarMap[str, str]
    prune: PruneResult
    evaluate: EvaluateResult
    search: _study_types_pb2.StudyReport
    sample_pairs: SamplePairsResult
    predictor: _predictor_types_pb2.Predictor
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[JobKind, str]] = ..., state: _Optional[_Union[JobState, str]] = ..., request_id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_sequence: _Optional[int] = ..., queue_place: _Optional[int] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., study_id: _Optional[str] = ..., phases: _Optional[_Iterable[_Union[JobPhase, _Mapping]]] = ..., request: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., prune: _Optional[_Union[PruneResult, _Mapping]] = ..., evaluate: _Optional[_Union[EvaluateResult, _Mapping]] = ..., search: _Optional[_Union[_study_types_pb2.StudyReport, _Mapping]] = ..., sample_pairs: _Optional[_Union[SamplePairsResult, _Mapping]] = ..., predictor: _Optional[_Union[_predictor_types_pb2.Predictor, _Mapping]] = ...) -> None: ...

class JobPhase(_message.Message):
    __slots__ = ("name", "round", "state", "done", "total", "unit", "elapsed_seconds")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    round: int
    state: JobPhaseState
    done: int
    total: int
    unit: str
    elapsed_seconds: float
    def __init__(self, name: _Optional[str] = ..., round: _Optional[int] = ..., state: _Optional[_Union[JobPhaseState, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ..., elapsed_seconds: _Optional[float] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("job_id", "sequence", "time", "queued", "started", "progress", "evaluation", "study", "paused", "heartbeat", "ended")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    sequence: int
    time: _timestamp_pb2.Timestamp
    queued: JobQueued
    started: JobStarted
    progress: JobProgress
    evaluation: EvaluationResult
    study: _study_types_pb2.StudyEvent
    paused: JobPaused
    heartbeat: JobHeartbeat
    ended: JobEnded
    def __init__(self, job_id: _Optional[str] = ..., sequence: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., queued: _Optional[_Union[JobQueued, _Mapping]] = ..., started: _Optional[_Union[JobStarted, _Mapping]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., evaluation: _Optional[_Union[EvaluationResult, _Mapping]] = ..., study: _Optional[_Union[_study_types_pb2.StudyEvent, _Mapping]] = ..., paused: _Optional[_Union[JobPaused, _Mapping]] = ..., heartbeat: _Optional[_Union[JobHeartbeat, _Mapping]] = ..., ended: _Optional[_Union[JobEnded, _Mapping]] = ...) -> None: ...

class JobQueued(_message.Message):
    __slots__ = ("place",)
    PLACE_FIELD_NUMBER: _ClassVar[int]
    place: int
    def __init__(self, place: _Optional[int] = ...) -> None: ...

class JobStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JobHeartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JobPaused(_message.Message):
    __slots__ = ("before", "ranges", "error")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    before: _study_types_pb2.StudyPhase
    ranges: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.RangeProposal]
    error: _status_pb2.Status
    def __init__(self, before: _Optional[_Union[_study_types_pb2.StudyPhase, str]] = ..., ranges: _Optional[_Iterable[_Union[_predictor_types_pb2.RangeProposal, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class JobProgress(_message.Message):
    __slots__ = ("activity", "done", "total", "unit", "elapsed_seconds", "remaining_seconds", "rate", "phase", "phase_number", "phase_count", "overall", "items_done", "items_total")
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PHASE_COUNT_FIELD_NUMBER: _ClassVar[int]
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    ITEMS_DONE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    activity: str
    done: int
    total: int
    unit: str
    elapsed_seconds: float
    remaining_seconds: float
    rate: float
    phase: JobPhase
    phase_number: int
    phase_count: int
    overall: float
    items_done: int
    items_total: int
    def __init__(self, activity: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ..., elapsed_seconds: _Optional[float] = ..., remaining_seconds: _Optional[float] = ..., rate: _Optional[float] = ..., phase: _Optional[_Union[JobPhase, _Mapping]] = ..., phase_number: _Optional[int] = ..., phase_count: _Optional[int] = ..., overall: _Optional[float] = ..., items_done: _Optional[int] = ..., items_total: _Optional[int] = ...) -> None: ...

class JobEnded(_message.Message):
    __slots__ = ("state", "error", "prune", "evaluate", "search", "sample_pairs", "predictor")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_PAIRS_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    state: JobState
    error: _status_pb2.Status
    prune: PruneResult
    evaluate: EvaluateResult
    search: _study_types_pb2.StudyReport
    sample_pairs: SamplePairsResult
    predictor: _predictor_types_pb2.Predictor
    def __init__(self, state: _Optional[_Union[JobState, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., prune: _Optional[_Union[PruneResult, _Mapping]] = ..., evaluate: _Optional[_Union[EvaluateResult, _Mapping]] = ..., search: _Optional[_Union[_study_types_pb2.StudyReport, _Mapping]] = ..., sample_pairs: _Optional[_Union[SamplePairsResult, _Mapping]] = ..., predictor: _Optional[_Union[_predictor_types_pb2.Predictor, _Mapping]] = ...) -> None: ...

class PruneResult(_message.Message):
    __slots__ = ("output", "files", "bytes", "architecture", "kept_units", "costs", "loads_in", "recipe_digest", "allocation", "snapped", "recovery", "exports", "notes")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    KEPT_UNITS_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    LOADS_IN_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_FIELD_NUMBER: _ClassVar[int]
    SNAPPED_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    output: str
    files: _containers.RepeatedScalarFieldContainer[str]
    bytes: int
    architecture: _common_pb2.Architecture
    kept_units: _common_pb2.KeptUnits
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    loads_in: _containers.RepeatedScalarFieldContainer[str]
    recipe_digest: str
    allocation: str
    snapped: _containers.RepeatedCompositeFieldContainer[SnappedRate]
    recovery: _common_pb2.RecoveryResult
    exports: _containers.RepeatedCompositeFieldContainer[_common_pb2.WrittenExport]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, output: _Optional[str] = ..., files: _Optional[_Iterable[str]] = ..., bytes: _Optional[int] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., kept_units: _Optional[_Union[_common_pb2.KeptUnits, _Mapping]] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., loads_in: _Optional[_Iterable[str]] = ..., recipe_digest: _Optional[str] = ..., allocation: _Optional[str] = ..., snapped: _Optional[_Iterable[_Union[SnappedRate, _Mapping]]] = ..., recovery: _Optional[_Union[_common_pb2.RecoveryResult, _Mapping]] = ..., exports: _Optional[_Iterable[_Union[_common_pb2.WrittenExport, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class SnappedRate(_message.Message):
    __slots__ = ("dimension", "asked", "used")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    asked: float
    used: float
    def __init__(self, dimension: _Optional[str] = ..., asked: _Optional[float] = ..., used: _Optional[float] = ...) -> None: ...

class EvaluationResult(_message.Message):
    __slots__ = ("index", "metrics", "architecture", "costs", "measurement", "fidelity", "recipe_digest", "scored_tokens", "tokens_spent", "checkpoint_digest", "standard_errors", "items", "shortened", "further")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class StandardErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SCORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SHORTENED_FIELD_NUMBER: _ClassVar[int]
    FURTHER_FIELD_NUMBER: _ClassVar[int]
    index: int
    metrics: _containers.ScalarMap[str, float]
    architecture: _common_pb2.Architecture
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    measurement: _common_pb2.Measurement
    fidelity: _common_pb2.Fidelity
    recipe_digest: str
    scored_tokens: int
    tokens_spent: int
    checkpoint_digest: str
    standard_errors: _containers.ScalarMap[str, float]
    items: int
    shortened: ShortenedPrompts
    further: _containers.RepeatedCompositeFieldContainer[FurtherResult]
    def __init__(self, index: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., fidelity: _Optional[_Union[_common_pb2.Fidelity, _Mapping]] = ..., recipe_digest: _Optional[str] = ..., scored_tokens: _Optional[int] = ..., tokens_spent: _Optional[int] = ..., checkpoint_digest: _Optional[str] = ..., standard_errors: _Optional[_Mapping[str, float]] = ..., items: _Optional[int] = ..., shortened: _Optional[_Union[ShortenedPrompts, _Mapping]] = ..., further: _Optional[_Iterable[_Union[FurtherResult, _Mapping]]] = ...) -> None: ...

class ShortenedPrompts(_message.Message):
    __slots__ = ("fewer_shots", "cut")
    FEWER_SHOTS_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    fewer_shots: int
    cut: int
    def __init__(self, fewer_shots: _Optional[int] = ..., cut: _Optional[int] = ...) -> None: ...

class FurtherResult(_message.Message):
    __slots__ = ("name", "metrics", "standard_errors", "measurement", "fidelity", "scored_tokens", "items", "shortened")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class StandardErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERRORS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    SCORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SHORTENED_FIELD_NUMBER: _ClassVar[int]
    name: str
    metrics: _containers.ScalarMap[str, float]
    standard_errors: _containers.ScalarMap[str, float]
    measurement: _common_pb2.Measurement
    fidelity: _common_pb2.Fidelity
    scored_tokens: int
    items: int
    shortened: ShortenedPrompts
    def __init__(self, name: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., standard_errors: _Optional[_Mapping[str, float]] = ..., measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., fidelity: _Optional[_Union[_common_pb2.Fidelity, _Mapping]] = ..., scored_tokens: _Optional[int] = ..., items: _Optional[int] = ..., shortened: _Optional[_Union[ShortenedPrompts, _Mapping]] = ...) -> None: ...

class EvaluateResult(_message.Message):
    __slots__ = ("evaluated", "tokens_spent")
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    evaluated: int
    tokens_spent: int
    def __init__(self, evaluated: _Optional[int] = ..., tokens_spent: _Optional[int] = ...) -> None: ...

class SamplePairsResult(_message.Message):
    __slots__ = ("study_id", "pairs", "tokens_spent")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    pairs: int
    tokens_spent: int
    def __init__(self, study_id: _Optional[str] = ..., pairs: _Optional[int] = ..., tokens_spent: _Optional[int] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("job_id", "view")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    view: JobView
    def __init__(self, job_id: _Optional[str] = ..., view: _Optional[_Union[JobView, str]] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("kind", "state", "page_size", "page_token", "labels", "view")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    kind: JobKind
    state: JobState
    page_size: int
    page_token: str
    labels: _containers.ScalarMap[str, str]
    view: JobView
    def __init__(self, kind: _Optional[_Union[JobKind, str]] = ..., state: _Optional[_Union[JobState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., view: _Optional[_Union[JobView, str]] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("job_id", "after_sequence")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    after_sequence: int
    def __init__(self, job_id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: JobEvent
    def __init__(self, event: _Optional[_Union[JobEvent, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ("job_id", "ranges")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    ranges: _containers.RepeatedCompositeFieldContainer[_common_pb2.DimensionRange]
    def __init__(self, job_id: _Optional[str] = ..., ranges: _Optional[_Iterable[_Union[_common_pb2.DimensionRange, _Mapping]]] = ...) -> None: ...

class ResumeJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class DeleteJobResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
