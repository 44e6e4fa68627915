from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import predictor_types_pb2 as _predictor_types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StudyPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STUDY_PHASE_UNSPECIFIED: _ClassVar[StudyPhase]
    STUDY_PHASE_SCORE: _ClassVar[StudyPhase]
    STUDY_PHASE_RECIPE: _ClassVar[StudyPhase]
    STUDY_PHASE_SAMPLE: _ClassVar[StudyPhase]
    STUDY_PHASE_FIT: _ClassVar[StudyPhase]
    STUDY_PHASE_REFINE: _ClassVar[StudyPhase]
    STUDY_PHASE_SEARCH: _ClassVar[StudyPhase]
    STUDY_PHASE_VERIFY: _ClassVar[StudyPhase]
    STUDY_PHASE_EXPORT: _ClassVar[StudyPhase]
    STUDY_PHASE_CONTROLS: _ClassVar[StudyPhase]
    STUDY_PHASE_REPORT: _ClassVar[StudyPhase]
    STUDY_PHASE_FINISHED: _ClassVar[StudyPhase]

class TrialRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIAL_ROLE_UNSPECIFIED: _ClassVar[TrialRole]
    TRIAL_ROLE_DENSE: _ClassVar[TrialRole]
    TRIAL_ROLE_PAIR: _ClassVar[TrialRole]
    TRIAL_ROLE_FINALIST: _ClassVar[TrialRole]
    TRIAL_ROLE_CONTROL: _ClassVar[TrialRole]
    TRIAL_ROLE_WINNER: _ClassVar[TrialRole]
    TRIAL_ROLE_RECOVERED: _ClassVar[TrialRole]

class TextPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_PART_UNSPECIFIED: _ClassVar[TextPart]
    TEXT_PART_SEARCH: _ClassVar[TextPart]
    TEXT_PART_VERIFY: _ClassVar[TextPart]
    TEXT_PART_REPORT: _ClassVar[TextPart]

class CompensationFit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPENSATION_FIT_UNSPECIFIED: _ClassVar[CompensationFit]
    COMPENSATION_FIT_ONE_SHOT: _ClassVar[CompensationFit]
    COMPENSATION_FIT_STREAM: _ClassVar[CompensationFit]

class Control(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTROL_UNSPECIFIED: _ClassVar[Control]
    CONTROL_UNIFORM_PAPER: _ClassVar[Control]
    CONTROL_UNIFORM_BEST: _ClassVar[Control]
    CONTROL_GLOBAL_THRESHOLD: _ClassVar[Control]
    CONTROL_CALIBRATION_ERROR: _ClassVar[Control]
    CONTROL_RANDOM: _ClassVar[Control]
    CONTROL_PAPER_RECIPE_UNIFORM_PAPER: _ClassVar[Control]
    CONTROL_PAPER_RECIPE_UNIFORM_BEST: _ClassVar[Control]
STUDY_PHASE_UNSPECIFIED: StudyPhase
STUDY_PHASE_SCORE: StudyPhase
STUDY_PHASE_RECIPE: StudyPhase
STUDY_PHASE_SAMPLE: StudyPhase
STUDY_PHASE_FIT: StudyPhase
STUDY_PHASE_REFINE: StudyPhase
STUDY_PHASE_SEARCH: StudyPhase
STUDY_PHASE_VERIFY: StudyPhase
STUDY_PHASE_EXPORT: StudyPhase
STUDY_PHASE_CONTROLS: StudyPhase
STUDY_PHASE_REPORT: StudyPhase
STUDY_PHASE_FINISHED: StudyPhase
TRIAL_ROLE_UNSPECIFIED: TrialRole
TRIAL_ROLE_DENSE: TrialRole
TRIAL_ROLE_PAIR: TrialRole
TRIAL_ROLE_FINALIST: TrialRole
TRIAL_ROLE_CONTROL: TrialRole
TRIAL_ROLE_WINNER: TrialRole
TRIAL_ROLE_RECOVERED: TrialRole
TEXT_PART_UNSPECIFIED: TextPart
TEXT_PART_SEARCH: TextPart
TEXT_PART_VERIFY: TextPart
TEXT_PART_REPORT: TextPart
COMPENSATION_FIT_UNSPECIFIED: CompensationFit
COMPENSATION_FIT_ONE_SHOT: CompensationFit
COMPENSATION_FIT_STREAM: CompensationFit
CONTROL_UNSPECIFIED: Control
CONTROL_UNIFORM_PAPER: Control
CONTROL_UNIFORM_BEST: Control
CONTROL_GLOBAL_THRESHOLD: Control
CONTROL_CALIBRATION_ERROR: Control
CONTROL_RANDOM: Control
CONTROL_PAPER_RECIPE_UNIFORM_PAPER: Control
CONTROL_PAPER_RECIPE_UNIFORM_BEST: Control

class Trial(_message.Message):
    __slots__ = ("number", "role", "control", "part", "architecture", "rates", "metrics", "predicted", "parameters", "tokens_spent", "recipe_digest", "measurement_fingerprint", "fidelity_digest", "round")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    number: int
    role: TrialRole
    control: str
    part: TextPart
    architecture: _common_pb2.Architecture
    rates: _containers.RepeatedScalarFieldContainer[float]
    metrics: _containers.ScalarMap[str, float]
    predicted: float
    parameters: int
    tokens_spent: int
    recipe_digest: str
    measurement_fingerprint: str
    fidelity_digest: str
    round: int
    def __init__(self, number: _Optional[int] = ..., role: _Optional[_Union[TrialRole, str]] = ..., control: _Optional[str] = ..., part: _Optional[_Union[TextPart, str]] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., rates: _Optional[_Iterable[float]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., predicted: _Optional[float] = ..., parameters: _Optional[int] = ..., tokens_spent: _Optional[int] = ..., recipe_digest: _Optional[str] = ..., measurement_fingerprint: _Optional[str] = ..., fidelity_digest: _Optional[str] = ..., round: _Optional[int] = ...) -> None: ...

class StudyEvent(_message.Message):
    __slots__ = ("study_id", "phase", "phase_started", "trial", "predictor", "refined", "predicted", "winner")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_STARTED_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    REFINED_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    WINNER_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    phase: StudyPhase
    phase_started: PhaseStarted
    trial: Trial
    predictor: _predictor_types_pb2.Predictor
    refined: SpaceRefined
    predicted: CandidatesPredicted
    winner: WinnerFound
    def __init__(self, study_id: _Optional[str] = ..., phase: _Optional[_Union[StudyPhase, str]] = ..., phase_started: _Optional[_Union[PhaseStarted, _Mapping]] = ..., trial: _Optional[_Union[Trial, _Mapping]] = ..., predictor: _Optional[_Union[_predictor_types_pb2.Predictor, _Mapping]] = ..., refined: _Optional[_Union[SpaceRefined, _Mapping]] = ..., predicted: _Optional[_Union[CandidatesPredicted, _Mapping]] = ..., winner: _Optional[_Union[WinnerFound, _Mapping]] = ...) -> None: ...

class PhaseStarted(_message.Message):
    __slots__ = ("round",)
    ROUND_FIELD_NUMBER: _ClassVar[int]
    round: int
    def __init__(self, round: _Optional[int] = ...) -> None: ...

class SpaceRefined(_message.Message):
    __slots__ = ("ranges",)
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.RangeProposal]
    def __init__(self, ranges: _Optional[_Iterable[_Union[_predictor_types_pb2.RangeProposal, _Mapping]]] = ...) -> None: ...

class CandidatesPredicted(_message.Message):
    __slots__ = ("predicted", "out_of_range", "finalists", "best_predicted")
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_RANGE_FIELD_NUMBER: _ClassVar[int]
    FINALISTS_FIELD_NUMBER: _ClassVar[int]
    BEST_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    predicted: int
    out_of_range: int
    finalists: int
    best_predicted: float
    def __init__(self, predicted: _Optional[int] = ..., out_of_range: _Optional[int] = ..., finalists: _Optional[int] = ..., best_predicted: _Optional[float] = ...) -> None: ...

class WinnerFound(_message.Message):
    __slots__ = ("winner", "output", "recovery", "exports")
    WINNER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    winner: ReportRow
    output: str
    recovery: _common_pb2.RecoveryResult
    exports: _containers.RepeatedCompositeFieldContainer[_common_pb2.WrittenExport]
    def __init__(self, winner: _Optional[_Union[ReportRow, _Mapping]] = ..., output: _Optional[str] = ..., recovery: _Optional[_Union[_common_pb2.RecoveryResult, _Mapping]] = ..., exports: _Optional[_Iterable[_Union[_common_pb2.WrittenExport, _Mapping]]] = ...) -> None: ...

class ReportRow(_message.Message):
    __slots__ = ("name", "architecture", "parameters", "costs", "metrics", "verify_metrics", "recipe_digest")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class VerifyMetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    VERIFY_METRICS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    architecture: _common_pb2.Architecture
    parameters: int
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    metrics: _containers.ScalarMap[str, float]
    verify_metrics: _containers.ScalarMap[str, float]
    recipe_digest: str
    def __init__(self, name: _Optional[str] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., parameters: _Optional[int] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., verify_metrics: _Optional[_Mapping[str, float]] = ..., recipe_digest: _Optional[str] = ...) -> None: ...

class Lift(_message.Message):
    __slots__ = ("control", "metric", "lift", "low", "high")
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    control: str
    metric: str
    lift: float
    low: float
    high: float
    def __init__(self, control: _Optional[str] = ..., metric: _Optional[str] = ..., lift: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class PhaseTokens(_message.Message):
    __slots__ = ("phase", "tokens", "elapsed_seconds")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    phase: StudyPhase
    tokens: int
    elapsed_seconds: float
    def __init__(self, phase: _Optional[_Union[StudyPhase, str]] = ..., tokens: _Optional[int] = ..., elapsed_seconds: _Optional[float] = ...) -> None: ...

class StudyReport(_message.Message):
    __slots__ = ("study_id", "dense", "winner", "controls", "best_control", "lifts", "predictor_id", "fit_quality", "pairs", "predicted", "verified", "tokens_spent", "phases", "summary", "output", "winner_units", "measurement", "recipes", "compensation_fit", "curve", "predictor_scores", "front", "labels_paid", "labels_known", "left_out_controls", "recovered", "recovery", "recovery_lift", "exports", "notes")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    DENSE_FIELD_NUMBER: _ClassVar[int]
    WINNER_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    BEST_CONTROL_FIELD_NUMBER: _ClassVar[int]
    LIFTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FIT_QUALITY_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    WINNER_UNITS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    RECIPES_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIT_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_SCORES_FIELD_NUMBER: _ClassVar[int]
    FRONT_FIELD_NUMBER: _ClassVar[int]
    LABELS_PAID_FIELD_NUMBER: _ClassVar[int]
    LABELS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_CONTROLS_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_LIFT_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    dense: ReportRow
    winner: ReportRow
    controls: _containers.RepeatedCompositeFieldContainer[ReportRow]
    best_control: str
    lifts: _containers.RepeatedCompositeFieldContainer[Lift]
    predictor_id: str
    fit_quality: _predictor_types_pb2.FitQuality
    pairs: int
    predicted: int
    verified: int
    tokens_spent: int
    phases: _containers.RepeatedCompositeFieldContainer[PhaseTokens]
    summary: str
    output: str
    winner_units: _common_pb2.KeptUnits
    measurement: _common_pb2.Measurement
    recipes: _containers.RepeatedCompositeFieldContainer[RecipeComparison]
    compensation_fit: CompensationFit
    curve: Curve
    predictor_scores: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.BackendScore]
    front: Front
    labels_paid: int
    labels_known: int
    left_out_controls: _containers.RepeatedScalarFieldContainer[str]
    recovered: ReportRow
    recovery: _common_pb2.RecoveryResult
    recovery_lift: Lift
    exports: _containers.RepeatedCompositeFieldContainer[_common_pb2.WrittenExport]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, study_id: _Optional[str] = ..., dense: _Optional[_Union[ReportRow, _Mapping]] = ..., winner: _Optional[_Union[ReportRow, _Mapping]] = ..., controls: _Optional[_Iterable[_Union[ReportRow, _Mapping]]] = ..., best_control: _Optional[str] = ..., lifts: _Optional[_Iterable[_Union[Lift, _Mapping]]] = ..., predictor_id: _Optional[str] = ..., fit_quality: _Optional[_Union[_predictor_types_pb2.FitQuality, _Mapping]] = ..., pairs: _Optional[int] = ..., predicted: _Optional[int] = ..., verified: _Optional[int] = ..., tokens_spent: _Optional[int] = ..., phases: _Optional[_Iterable[_Union[PhaseTokens, _Mapping]]] = ..., summary: _Optional[str] = ..., output: _Optional[str] = ..., winner_units: _Optional[_Union[_common_pb2.KeptUnits, _Mapping]] = ..., measurement: _Optional[_Union[_common_pb2.Measurement, _Mapping]] = ..., recipes: _Optional[_Iterable[_Union[RecipeComparison, _Mapping]]] = ..., compensation_fit: _Optional[_Union[CompensationFit, str]] = ..., curve: _Optional[_Union[Curve, _Mapping]] = ..., predictor_scores: _Optional[_Iterable[_Union[_predictor_types_pb2.BackendScore, _Mapping]]] = ..., front: _Optional[_Union[Front, _Mapping]] = ..., labels_paid: _Optional[int] = ..., labels_known: _Optional[int] = ..., left_out_controls: _Optional[_Iterable[str]] = ..., recovered: _Optional[_Union[ReportRow, _Mapping]] = ..., recovery: _Optional[_Union[_common_pb2.RecoveryResult, _Mapping]] = ..., recovery_lift: _Optional[_Union[Lift, _Mapping]] = ..., exports: _Optional[_Iterable[_Union[_common_pb2.WrittenExport, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class RecipeComparison(_message.Message):
    __slots__ = ("recipe_digest", "criterion", "compensation", "best")
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CRITERION_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    recipe_digest: str
    criterion: str
    compensation: str
    best: float
    def __init__(self, recipe_digest: _Optional[str] = ..., criterion: _Optional[str] = ..., compensation: _Optional[str] = ..., best: _Optional[float] = ...) -> None: ...

class Curve(_message.Message):
    __slots__ = ("finalists", "uniform_paper", "lift")
    FINALISTS_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_PAPER_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    finalists: Line
    uniform_paper: Line
    lift: float
    def __init__(self, finalists: _Optional[_Union[Line, _Mapping]] = ..., uniform_paper: _Optional[_Union[Line, _Mapping]] = ..., lift: _Optional[float] = ...) -> None: ...

class Line(_message.Message):
    __slots__ = ("intercept", "slope")
    INTERCEPT_FIELD_NUMBER: _ClassVar[int]
    SLOPE_FIELD_NUMBER: _ClassVar[int]
    intercept: float
    slope: float
    def __init__(self, intercept: _Optional[float] = ..., slope: _Optional[float] = ...) -> None: ...

class Front(_message.Message):
    __slots__ = ("points", "hypervolume", "control_hypervolume", "reference")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    HYPERVOLUME_FIELD_NUMBER: _ClassVar[int]
    CONTROL_HYPERVOLUME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[FrontPoint]
    hypervolume: float
    control_hypervolume: float
    reference: _containers.RepeatedCompositeFieldContainer[FrontReference]
    def __init__(self, points: _Optional[_Iterable[_Union[FrontPoint, _Mapping]]] = ..., hypervolume: _Optional[float] = ..., control_hypervolume: _Optional[float] = ..., reference: _Optional[_Iterable[_Union[FrontReference, _Mapping]]] = ...) -> None: ...

class FrontPoint(_message.Message):
    __slots__ = ("architecture", "costs", "metrics", "knee")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    KNEE_FIELD_NUMBER: _ClassVar[int]
    architecture: _common_pb2.Architecture
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    metrics: _containers.ScalarMap[str, float]
    knee: bool
    def __init__(self, architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., knee: bool = ...) -> None: ...

class FrontReference(_message.Message):
    __slots__ = ("objective", "value")
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    objective: str
    value: float
    def __init__(self, objective: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
