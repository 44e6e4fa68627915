from google.protobuf import struct_pb2 as _struct_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import job_pb2 as _job_pb2
from prunecast._proto.prunecast.v1 import model_pb2 as _model_pb2
from prunecast._proto.prunecast.v1 import predictor_types_pb2 as _predictor_types_pb2
from prunecast._proto.prunecast.v1 import study_pb2 as _study_pb2
from prunecast._proto.prunecast.v1 import study_types_pb2 as _study_types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Effort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFORT_UNSPECIFIED: _ClassVar[Effort]
    EFFORT_QUICK: _ClassVar[Effort]
    EFFORT_DEFAULT: _ClassVar[Effort]
    EFFORT_THOROUGH: _ClassVar[Effort]

class Preset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESET_UNSPECIFIED: _ClassVar[Preset]
    PRESET_PAPER: _ClassVar[Preset]
EFFORT_UNSPECIFIED: Effort
EFFORT_QUICK: Effort
EFFORT_DEFAULT: Effort
EFFORT_THOROUGH: Effort
PRESET_UNSPECIFIED: Preset
PRESET_PAPER: Preset

class PruneRequest(_message.Message):
    __slots__ = ("request_id", "model", "architecture", "uniform_rate", "dimension_rates", "budgets", "kept_units", "manifest", "earlier_output", "recipe", "space", "exporter", "output", "overwrite", "recovery", "labels", "exports")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_RATE_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_RATES_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    KEPT_UNITS_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    EARLIER_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    architecture: _common_pb2.Architecture
    uniform_rate: float
    dimension_rates: _common_pb2.DimensionRates
    budgets: BudgetList
    kept_units: _common_pb2.KeptUnits
    manifest: _struct_pb2.Struct
    earlier_output: str
    recipe: _common_pb2.Recipe
    space: _common_pb2.SearchSpaceSpec
    exporter: _common_pb2.PluginRef
    output: str
    overwrite: bool
    recovery: _common_pb2.RecoverySpec
    labels: _containers.ScalarMap[str, str]
    exports: _containers.RepeatedCompositeFieldContainer[ExportSpec]
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., uniform_rate: _Optional[float] = ..., dimension_rates: _Optional[_Union[_common_pb2.DimensionRates, _Mapping]] = ..., budgets: _Optional[_Union[BudgetList, _Mapping]] = ..., kept_units: _Optional[_Union[_common_pb2.KeptUnits, _Mapping]] = ..., manifest: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., earlier_output: _Optional[str] = ..., recipe: _Optional[_Union[_common_pb2.Recipe, _Mapping]] = ..., space: _Optional[_Union[_common_pb2.SearchSpaceSpec, _Mapping]] = ..., exporter: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., output: _Optional[str] = ..., overwrite: bool = ..., recovery: _Optional[_Union[_common_pb2.RecoverySpec, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., exports: _Optional[_Iterable[_Union[ExportSpec, _Mapping]]] = ...) -> None: ...

class ExportSpec(_message.Message):
    __slots__ = ("name", "exporter")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    exporter: _common_pb2.PluginRef
    def __init__(self, name: _Optional[str] = ..., exporter: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ...) -> None: ...

class BudgetList(_message.Message):
    __slots__ = ("budgets",)
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    budgets: _containers.RepeatedCompositeFieldContainer[_common_pb2.Budget]
    def __init__(self, budgets: _Optional[_Iterable[_Union[_common_pb2.Budget, _Mapping]]] = ...) -> None: ...

class PruneResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _job_pb2.JobEvent
    def __init__(self, event: _Optional[_Union[_job_pb2.JobEvent, _Mapping]] = ...) -> None: ...

class PlanPruneResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("request_id", "model", "targets", "recipe", "measurement", "fidelity", "space", "further_measurements", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    FURTHER_MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    targets: _containers.RepeatedCompositeFieldContainer[EvaluateTarget]
    recipe: _common_pb2.Recipe
    measurement: _common_pb2.MeasurementSpec
    fidelity: _common_pb2.FidelitySpec
    space: _common_pb2.SearchSpaceSpec
    further_measurements: _containers.RepeatedCompositeFieldContainer[_common_pb2.MeasurementSpec]
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., targets: _Optional[_Iterable[_Union[EvaluateTarget, _Mapping]]] = ..., recipe: _Optional[_Union[_common_pb2.Recipe, _Mapping]] = ..., measurement: _Optional[_Union[_common_pb2.MeasurementSpec, _Mapping]] = ..., fidelity: _Optional[_Union[_common_pb2.FidelitySpec, _Mapping]] = ..., space: _Optional[_Union[_common_pb2.SearchSpaceSpec, _Mapping]] = ..., further_measurements: _Optional[_Iterable[_Union[_common_pb2.MeasurementSpec, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EvaluateTarget(_message.Message):
    __slots__ = ("dense", "architecture", "uniform_rate", "dimension_rates", "kept_units", "manifest", "earlier_output")
    DENSE_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_RATE_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_RATES_FIELD_NUMBER: _ClassVar[int]
    KEPT_UNITS_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    EARLIER_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    dense: Dense
    architecture: _common_pb2.Architecture
    uniform_rate: float
    dimension_rates: _common_pb2.DimensionRates
    kept_units: _common_pb2.KeptUnits
    manifest: _struct_pb2.Struct
    earlier_output: str
    def __init__(self, dense: _Optional[_Union[Dense, _Mapping]] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., uniform_rate: _Optional[float] = ..., dimension_rates: _Optional[_Union[_common_pb2.DimensionRates, _Mapping]] = ..., kept_units: _Optional[_Union[_common_pb2.KeptUnits, _Mapping]] = ..., manifest: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., earlier_output: _Optional[str] = ...) -> None: ...

class Dense(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _job_pb2.JobEvent
    def __init__(self, event: _Optional[_Union[_job_pb2.JobEvent, _Mapping]] = ...) -> None: ...

class PlanEvaluateResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("predictor_id", "encodings", "recipe_digest", "architectures")
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    encodings: _common_pb2.EncodingBatch
    recipe_digest: str
    architectures: _containers.RepeatedCompositeFieldContainer[_common_pb2.Architecture]
    def __init__(self, predictor_id: _Optional[str] = ..., encodings: _Optional[_Union[_common_pb2.EncodingBatch, _Mapping]] = ..., recipe_digest: _Optional[str] = ..., architectures: _Optional[_Iterable[_Union[_common_pb2.Architecture, _Mapping]]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictor_id", "predictions", "out_of_range", "parameters", "dense_parameters", "measurement", "fidelity", "text", "interval_coverage", "dense_report_metrics")
    class DenseReportMetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_RANGE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DENSE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    DENSE_REPORT_METRICS_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    predictions: _containers.RepeatedCompositeFieldContainer[_study_pb2.MetricPrediction]
    out_of_range: _containers.RepeatedCompositeFieldContainer[OutOfRange]
    parameters: _containers.RepeatedScalarFieldContainer[int]
    dense_parameters: int
    measurement: _common_pb2.Measurement
    fidelity: _common_pb2.Fidelity
    text: str
    interval_coverage: float
    dense_report_metrics: _containers.ScalarMap[str, float]
    def __init__(self, predictor_id: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[_study_pb2.MetricPrediction, _Mapping]]] = ..., out_of_range: _Optional[_Iterable[_Union[OutOfRange, _Mapping]]] = ..., parameters: _Optional[_Iterable[int]] = ..., dense_parameters: _Optional[int] = ..., measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., fidelity: _Optional[_Union[_common_pb2.Fidelity, _Mapping]] = ..., text: _Optional[str] = ..., interval_coverage: _Optional[float] = ..., dense_report_metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class OutOfRange(_message.Message):
    __slots__ = ("row", "dimensions")
    ROW_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    row: int
    dimensions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, row: _Optional[int] = ..., dimensions: _Optional[_Iterable[str]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("request_id", "model", "recipes", "space", "budgets", "objectives", "texts", "evaluator", "windows", "pairs", "predictor", "strategy", "candidates", "verify", "report", "refine", "exporter", "output", "overwrite", "seed", "pause_before", "rounds", "preset", "compensation_fit", "controls", "features", "effort", "recovery", "further_measurements", "labels", "exports")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RECIPES_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    REFINE_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PAUSE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIT_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    FURTHER_MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    recipes: _containers.RepeatedCompositeFieldContainer[_common_pb2.Recipe]
    space: _common_pb2.SearchSpaceSpec
    budgets: _containers.RepeatedCompositeFieldContainer[_common_pb2.Budget]
    objectives: _containers.RepeatedCompositeFieldContainer[_study_pb2.Objective]
    texts: StudyTexts
    evaluator: _common_pb2.PluginRef
    windows: _common_pb2.WindowProtocol
    pairs: PairPlan
    predictor: _common_pb2.PluginRef
    strategy: _common_pb2.PluginRef
    candidates: int
    verify: VerifyPlan
    report: _common_pb2.FidelitySpec
    refine: RefinePlan
    exporter: _common_pb2.PluginRef
    output: str
    overwrite: bool
    seed: int
    pause_before: _containers.RepeatedScalarFieldContainer[_study_types_pb2.StudyPhase]
    rounds: int
    preset: Preset
    compensation_fit: _study_types_pb2.CompensationFit
    controls: _containers.RepeatedScalarFieldContainer[_study_types_pb2.Control]
    features: _predictor_types_pb2.PredictorFeatures
    effort: Effort
    recovery: _common_pb2.RecoverySpec
    further_measurements: _containers.RepeatedCompositeFieldContainer[StudyMeasurement]
    labels: _containers.ScalarMap[str, str]
    exports: _containers.RepeatedCompositeFieldContainer[ExportSpec]
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., recipes: _Optional[_Iterable[_Union[_common_pb2.Recipe, _Mapping]]] = ..., space: _Optional[_Union[_common_pb2.SearchSpaceSpec, _Mapping]] = ..., budgets: _Optional[_Iterable[_Union[_common_pb2.Budget, _Mapping]]] = ..., objectives: _Optional[_Iterable[_Union[_study_pb2.Objective, _Mapping]]] = ..., texts: _Optional[_Union[StudyTexts, _Mapping]] = ..., evaluator: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., windows: _Optional[_Union[_common_pb2.WindowProtocol, _Mapping]] = ..., pairs: _Optional[_Union[PairPlan, _Mapping]] = ..., predictor: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., strategy: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., candidates: _Optional[int] = ..., verify: _Optional[_Union[VerifyPlan, _Mapping]] = ..., report: _Optional[_Union[_common_pb2.FidelitySpec, _Mapping]] = ..., refine: _Optional[_Union[RefinePlan, _Mapping]] = ..., exporter: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., output: _Optional[str] = ..., overwrite: bool = ..., seed: _Optional[int] = ..., pause_before: _Optional[_Iterable[_Union[_study_types_pb2.StudyPhase, str]]] = ..., rounds: _Optional[int] = ..., preset: _Optional[_Union[Preset, str]] = ..., compensation_fit: _Optional[_Union[_study_types_pb2.CompensationFit, str]] = ..., controls: _Optional[_Iterable[_Union[_study_types_pb2.Control, str]]] = ..., features: _Optional[_Union[_predictor_types_pb2.PredictorFeatures, str]] = ..., effort: _Optional[_Union[Effort, str]] = ..., recovery: _Optional[_Union[_common_pb2.RecoverySpec, _Mapping]] = ..., further_measurements: _Optional[_Iterable[_Union[StudyMeasurement, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., exports: _Optional[_Iterable[_Union[ExportSpec, _Mapping]]] = ...) -> None: ...

class StudyMeasurement(_message.Message):
    __slots__ = ("name", "evaluator", "texts", "windows", "search", "verify", "report")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    name: str
    evaluator: _common_pb2.PluginRef
    texts: StudyTexts
    windows: _common_pb2.WindowProtocol
    search: _common_pb2.FidelitySpec
    verify: _common_pb2.FidelitySpec
    report: _common_pb2.FidelitySpec
    def __init__(self, name: _Optional[str] = ..., evaluator: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., texts: _Optional[_Union[StudyTexts, _Mapping]] = ..., windows: _Optional[_Union[_common_pb2.WindowProtocol, _Mapping]] = ..., search: _Optional[_Union[_common_pb2.FidelitySpec, _Mapping]] = ..., verify: _Optional[_Union[_common_pb2.FidelitySpec, _Mapping]] = ..., report: _Optional[_Union[_common_pb2.FidelitySpec, _Mapping]] = ...) -> None: ...

class StudyTexts(_message.Message):
    __slots__ = ("text", "calibration", "search", "verify", "report")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    text: _common_pb2.Text
    calibration: _common_pb2.Text
    search: _common_pb2.Text
    verify: _common_pb2.Text
    report: _common_pb2.Text
    def __init__(self, text: _Optional[_Union[_common_pb2.Text, _Mapping]] = ..., calibration: _Optional[_Union[_common_pb2.Text, _Mapping]] = ..., search: _Optional[_Union[_common_pb2.Text, _Mapping]] = ..., verify: _Optional[_Union[_common_pb2.Text, _Mapping]] = ..., report: _Optional[_Union[_common_pb2.Text, _Mapping]] = ...) -> None: ...

class PairPlan(_message.Message):
    __slots__ = ("count", "tied_count", "tie_run", "rungs", "band", "inside_count", "sparse_count", "near_count")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TIED_COUNT_FIELD_NUMBER: _ClassVar[int]
    TIE_RUN_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    BAND_FIELD_NUMBER: _ClassVar[int]
    INSIDE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SPARSE_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEAR_COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    tied_count: int
    tie_run: int
    rungs: _containers.RepeatedCompositeFieldContainer[_common_pb2.FidelitySpec]
    band: float
    inside_count: int
    sparse_count: int
    near_count: int
    def __init__(self, count: _Optional[int] = ..., tied_count: _Optional[int] = ..., tie_run: _Optional[int] = ..., rungs: _Optional[_Iterable[_Union[_common_pb2.FidelitySpec, _Mapping]]] = ..., band: _Optional[float] = ..., inside_count: _Optional[int] = ..., sparse_count: _Optional[int] = ..., near_count: _Optional[int] = ...) -> None: ...

class VerifyPlan(_message.Message):
    __slots__ = ("count", "rungs")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    count: int
    rungs: _containers.RepeatedCompositeFieldContainer[_common_pb2.FidelitySpec]
    def __init__(self, count: _Optional[int] = ..., rungs: _Optional[_Iterable[_Union[_common_pb2.FidelitySpec, _Mapping]]] = ...) -> None: ...

class RefinePlan(_message.Message):
    __slots__ = ("disabled", "important_share", "unimportant_share", "flat_min_rate", "flat_max_rate")
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    IMPORTANT_SHARE_FIELD_NUMBER: _ClassVar[int]
    UNIMPORTANT_SHARE_FIELD_NUMBER: _ClassVar[int]
    FLAT_MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    FLAT_MAX_RATE_FIELD_NUMBER: _ClassVar[int]
    disabled: bool
    important_share: float
    unimportant_share: float
    flat_min_rate: float
    flat_max_rate: float
    def __init__(self, disabled: bool = ..., important_share: _Optional[float] = ..., unimportant_share: _Optional[float] = ..., flat_min_rate: _Optional[float] = ..., flat_max_rate: _Optional[float] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _job_pb2.JobEvent
    def __init__(self, event: _Optional[_Union[_job_pb2.JobEvent, _Mapping]] = ...) -> None: ...

class PlanSearchResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("trials", "tokens", "peak_memory_bytes", "estimated_seconds", "feasible", "loads_in", "architectures", "costs", "stream_fit", "phases", "disk_bytes", "base_memory_bytes", "time_unknown", "known_trials", "loads", "notes")
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    LOADS_IN_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIT_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    BASE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIME_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    KNOWN_TRIALS_FIELD_NUMBER: _ClassVar[int]
    LOADS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    trials: int
    tokens: int
    peak_memory_bytes: int
    estimated_seconds: float
    feasible: _containers.RepeatedCompositeFieldContainer[FeasibleRange]
    loads_in: _containers.RepeatedScalarFieldContainer[str]
    architectures: _containers.RepeatedCompositeFieldContainer[_common_pb2.Architecture]
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    stream_fit: StreamFit
    phases: _containers.RepeatedCompositeFieldContainer[PlannedPhase]
    disk_bytes: int
    base_memory_bytes: int
    time_unknown: str
    known_trials: int
    loads: _containers.RepeatedCompositeFieldContainer[_model_pb2.LoadRow]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, trials: _Optional[int] = ..., tokens: _Optional[int] = ..., peak_memory_bytes: _Optional[int] = ..., estimated_seconds: _Optional[float] = ..., feasible: _Optional[_Iterable[_Union[FeasibleRange, _Mapping]]] = ..., loads_in: _Optional[_Iterable[str]] = ..., architectures: _Optional[_Iterable[_Union[_common_pb2.Architecture, _Mapping]]] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., stream_fit: _Optional[_Union[StreamFit, _Mapping]] = ..., phases: _Optional[_Iterable[_Union[PlannedPhase, _Mapping]]] = ..., disk_bytes: _Optional[int] = ..., base_memory_bytes: _Optional[int] = ..., time_unknown: _Optional[str] = ..., known_trials: _Optional[int] = ..., loads: _Optional[_Iterable[_Union[_model_pb2.LoadRow, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class PlannedPhase(_message.Message):
    __slots__ = ("name", "trials", "tokens", "estimated_seconds")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    trials: int
    tokens: int
    estimated_seconds: float
    def __init__(self, name: _Optional[str] = ..., trials: _Optional[int] = ..., tokens: _Optional[int] = ..., estimated_seconds: _Optional[float] = ...) -> None: ...

class StreamFit(_message.Message):
    __slots__ = ("tokens", "layers", "fits")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    layers: int
    fits: int
    def __init__(self, tokens: _Optional[int] = ..., layers: _Optional[int] = ..., fits: _Optional[int] = ...) -> None: ...

class FeasibleRange(_message.Message):
    __slots__ = ("kind", "least", "most")
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEAST_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    kind: _common_pb2.BudgetKind
    least: float
    most: float
    def __init__(self, kind: _Optional[_Union[_common_pb2.BudgetKind, str]] = ..., least: _Optional[float] = ..., most: _Optional[float] = ...) -> None: ...
