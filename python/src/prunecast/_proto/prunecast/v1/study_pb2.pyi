from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import job_pb2 as _job_pb2
from prunecast._proto.prunecast.v1 import study_types_pb2 as _study_types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_FORMAT_UNSPECIFIED: _ClassVar[ReportFormat]
    REPORT_FORMAT_HTML: _ClassVar[ReportFormat]
    REPORT_FORMAT_MARKDOWN: _ClassVar[ReportFormat]
REPORT_FORMAT_UNSPECIFIED: ReportFormat
REPORT_FORMAT_HTML: ReportFormat
REPORT_FORMAT_MARKDOWN: ReportFormat

class Study(_message.Message):
    __slots__ = ("id", "job_id", "model", "checkpoint_digest", "state", "phase", "dimensions", "trials", "tokens_spent", "predictor_ids", "report", "search_measurement", "search_fidelity", "recipe_digests", "seed", "create_time", "plan_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_IDS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIDELITY_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    job_id: str
    model: str
    checkpoint_digest: str
    state: _job_pb2.JobState
    phase: _study_types_pb2.StudyPhase
    dimensions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Dimension]
    trials: int
    tokens_spent: int
    predictor_ids: _containers.RepeatedScalarFieldContainer[str]
    report: _study_types_pb2.StudyReport
    search_measurement: _common_pb2.Measurement
    search_fidelity: _common_pb2.Fidelity
    recipe_digests: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    create_time: _timestamp_pb2.Timestamp
    plan_version: int
    def __init__(self, id: _Optional[str] = ..., job_id: _Optional[str] = ..., model: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., state: _Optional[_Union[_job_pb2.JobState, str]] = ..., phase: _Optional[_Union[_study_types_pb2.StudyPhase, str]] = ..., dimensions: _Optional[_Iterable[_Union[_common_pb2.Dimension, _Mapping]]] = ..., trials: _Optional[int] = ..., tokens_spent: _Optional[int] = ..., predictor_ids: _Optional[_Iterable[str]] = ..., report: _Optional[_Union[_study_types_pb2.StudyReport, _Mapping]] = ..., search_measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., search_fidelity: _Optional[_Union[_common_pb2.Fidelity, _Mapping]] = ..., recipe_digests: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., plan_version: _Optional[int] = ...) -> None: ...

class StudySummary(_message.Message):
    __slots__ = ("id", "job_id", "model", "checkpoint_digest", "state", "create_time", "trials")
    ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    id: str
    job_id: str
    model: str
    checkpoint_digest: str
    state: _job_pb2.JobState
    create_time: _timestamp_pb2.Timestamp
    trials: int
    def __init__(self, id: _Optional[str] = ..., job_id: _Optional[str] = ..., model: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., state: _Optional[_Union[_job_pb2.JobState, str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., trials: _Optional[int] = ...) -> None: ...

class GetStudyRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class GetStudyResponse(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: Study
    def __init__(self, study: _Optional[_Union[Study, _Mapping]] = ...) -> None: ...

class ListStudiesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStudiesResponse(_message.Message):
    __slots__ = ("studies", "next_page_token")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[StudySummary]
    next_page_token: str
    def __init__(self, studies: _Optional[_Iterable[_Union[StudySummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteStudyRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class DeleteStudyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTrialsRequest(_message.Message):
    __slots__ = ("study_id", "role", "page_size", "page_token")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    role: _study_types_pb2.TrialRole
    page_size: int
    page_token: str
    def __init__(self, study_id: _Optional[str] = ..., role: _Optional[_Union[_study_types_pb2.TrialRole, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTrialsResponse(_message.Message):
    __slots__ = ("trials", "next_page_token")
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedCompositeFieldContainer[_study_types_pb2.Trial]
    next_page_token: str
    def __init__(self, trials: _Optional[_Iterable[_Union[_study_types_pb2.Trial, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class QueryStudyRequest(_message.Message):
    __slots__ = ("study_id", "budgets", "objectives", "count", "verify")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    budgets: _containers.RepeatedCompositeFieldContainer[_common_pb2.Budget]
    objectives: _containers.RepeatedCompositeFieldContainer[Objective]
    count: int
    verify: bool
    def __init__(self, study_id: _Optional[str] = ..., budgets: _Optional[_Iterable[_Union[_common_pb2.Budget, _Mapping]]] = ..., objectives: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ..., count: _Optional[int] = ..., verify: bool = ...) -> None: ...

class QueryStudyResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[QueryAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[QueryAnswer, _Mapping]]] = ...) -> None: ...

class QueryAnswer(_message.Message):
    __slots__ = ("architecture", "costs", "predictions", "metrics", "out_of_range")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_RANGE_FIELD_NUMBER: _ClassVar[int]
    architecture: _common_pb2.Architecture
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    predictions: _containers.RepeatedCompositeFieldContainer[MetricPrediction]
    metrics: _containers.ScalarMap[str, float]
    out_of_range: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., predictions: _Optional[_Iterable[_Union[MetricPrediction, _Mapping]]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., out_of_range: _Optional[_Iterable[str]] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("metric", "weight", "limit")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    metric: str
    weight: float
    limit: float
    def __init__(self, metric: _Optional[str] = ..., weight: _Optional[float] = ..., limit: _Optional[float] = ...) -> None: ...

class MetricPrediction(_message.Message):
    __slots__ = ("metric", "mean", "deviation", "low", "high")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    metric: str
    mean: _containers.RepeatedScalarFieldContainer[float]
    deviation: _containers.RepeatedScalarFieldContainer[float]
    low: _containers.RepeatedScalarFieldContainer[float]
    high: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[str] = ..., mean: _Optional[_Iterable[float]] = ..., deviation: _Optional[_Iterable[float]] = ..., low: _Optional[_Iterable[float]] = ..., high: _Optional[_Iterable[float]] = ...) -> None: ...

class GetStudyReportRequest(_message.Message):
    __slots__ = ("study_id", "format")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    format: ReportFormat
    def __init__(self, study_id: _Optional[str] = ..., format: _Optional[_Union[ReportFormat, str]] = ...) -> None: ...

class GetStudyReportResponse(_message.Message):
    __slots__ = ("overview", "document")
    OVERVIEW_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    overview: StudyOverview
    document: str
    def __init__(self, overview: _Optional[_Union[StudyOverview, _Mapping]] = ..., document: _Optional[str] = ...) -> None: ...

class StudyOverview(_message.Message):
    __slots__ = ("study", "metric", "higher_is_better", "parts", "labels", "best_so_far", "predicted_labels", "importances", "settings", "commands", "dense", "size_kind", "labels_left_out", "best_so_far_left_out", "predicted_labels_left_out", "log_scale")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    HIGHER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    BEST_SO_FAR_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_LABELS_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCES_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    DENSE_FIELD_NUMBER: _ClassVar[int]
    SIZE_KIND_FIELD_NUMBER: _ClassVar[int]
    LABELS_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    BEST_SO_FAR_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_LABELS_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    LOG_SCALE_FIELD_NUMBER: _ClassVar[int]
    study: Study
    metric: str
    higher_is_better: bool
    parts: _containers.RepeatedCompositeFieldContainer[MeasuredPart]
    labels: _containers.RepeatedCompositeFieldContainer[LabelPoint]
    best_so_far: _containers.RepeatedCompositeFieldContainer[BestSoFar]
    predicted_labels: _containers.RepeatedCompositeFieldContainer[PredictedLabel]
    importances: _containers.RepeatedCompositeFieldContainer[DimensionImportance]
    settings: _containers.RepeatedCompositeFieldContainer[StudySetting]
    commands: _containers.RepeatedScalarFieldContainer[str]
    dense: _common_pb2.Architecture
    size_kind: _common_pb2.BudgetKind
    labels_left_out: int
    best_so_far_left_out: int
    predicted_labels_left_out: int
    log_scale: bool
    def __init__(self, study: _Optional[_Union[Study, _Mapping]] = ..., metric: _Optional[str] = ..., higher_is_better: bool = ..., parts: _Optional[_Iterable[_Union[MeasuredPart, _Mapping]]] = ..., labels: _Optional[_Iterable[_Union[LabelPoint, _Mapping]]] = ..., best_so_far: _Optional[_Iterable[_Union[BestSoFar, _Mapping]]] = ..., predicted_labels: _Optional[_Iterable[_Union[PredictedLabel, _Mapping]]] = ..., importances: _Optional[_Iterable[_Union[DimensionImportance, _Mapping]]] = ..., settings: _Optional[_Iterable[_Union[StudySetting, _Mapping]]] = ..., commands: _Optional[_Iterable[str]] = ..., dense: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., size_kind: _Optional[_Union[_common_pb2.BudgetKind, str]] = ..., labels_left_out: _Optional[int] = ..., best_so_far_left_out: _Optional[int] = ..., predicted_labels_left_out: _Optional[int] = ..., log_scale: bool = ...) -> None: ...

class MeasuredPart(_message.Message):
    __slots__ = ("part", "measurement", "fidelity", "name")
    PART_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    part: _study_types_pb2.TextPart
    measurement: _common_pb2.Measurement
    fidelity: _common_pb2.Fidelity
    name: str
    def __init__(self, part: _Optional[_Union[_study_types_pb2.TextPart, str]] = ..., measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., fidelity: _Optional[_Union[_common_pb2.Fidelity, _Mapping]] = ..., name: _Optional[str] = ...) -> None: ...

class LabelPoint(_message.Message):
    __slots__ = ("number", "role", "control", "part", "fidelity_digest", "value", "predicted", "parameters", "tokens_spent", "round", "within_budgets", "size")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    WITHIN_BUDGETS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    number: int
    role: _study_types_pb2.TrialRole
    control: str
    part: _study_types_pb2.TextPart
    fidelity_digest: str
    value: float
    predicted: float
    parameters: int
    tokens_spent: int
    round: int
    within_budgets: bool
    size: float
    def __init__(self, number: _Optional[int] = ..., role: _Optional[_Union[_study_types_pb2.TrialRole, str]] = ..., control: _Optional[str] = ..., part: _Optional[_Union[_study_types_pb2.TextPart, str]] = ..., fidelity_digest: _Optional[str] = ..., value: _Optional[float] = ..., predicted: _Optional[float] = ..., parameters: _Optional[int] = ..., tokens_spent: _Optional[int] = ..., round: _Optional[int] = ..., within_budgets: bool = ..., size: _Optional[float] = ...) -> None: ...

class BestSoFar(_message.Message):
    __slots__ = ("part", "tokens_spent", "value", "number")
    PART_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    part: _study_types_pb2.TextPart
    tokens_spent: int
    value: float
    number: int
    def __init__(self, part: _Optional[_Union[_study_types_pb2.TextPart, str]] = ..., tokens_spent: _Optional[int] = ..., value: _Optional[float] = ..., number: _Optional[int] = ...) -> None: ...

class PredictedLabel(_message.Message):
    __slots__ = ("measured", "predicted", "low", "high")
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    measured: float
    predicted: float
    low: float
    high: float
    def __init__(self, measured: _Optional[float] = ..., predicted: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class DimensionImportance(_message.Message):
    __slots__ = ("dimension", "importance")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    importance: float
    def __init__(self, dimension: _Optional[str] = ..., importance: _Optional[float] = ...) -> None: ...

class StudySetting(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
