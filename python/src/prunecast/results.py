"""What calls return. Fields are those of the message of the same name, in short; `message` has all of them.

An enum is its name in small letters (`succeeded`), a point in time is in UTC, and None is what the message does not
set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunecast import messages
from prunecast._requests import fill
from prunecast.errors import PrunecastError

if TYPE_CHECKING:
    import pandas


def _whole() -> Any:
    return field(repr=False, compare=False)


@dataclass(frozen=True)
class LayerArchitecture:
    """What one layer keeps."""

    kv_heads: int
    query_heads_per_kv: int
    ffn_channels: int


@dataclass(frozen=True)
class Architecture:
    """The kept counts, layer by layer from the first."""

    layers: tuple[LayerArchitecture, ...]


@dataclass(frozen=True)
class Cost:
    """What a budget limits, for one architecture."""

    kind: str
    value: float
    dense_value: float
    measured: float | None


@dataclass(frozen=True)
class Measurement:
    """What was measured. Numbers with different fingerprints are never to be compared."""

    fingerprint: str
    window: int
    stride: int
    bos: bool
    scorer: str
    message: messages.Measurement = _whole()


@dataclass(frozen=True)
class Fidelity:
    """How well it was measured."""

    tokens: int
    windows: int
    precision: str
    digest: str


@dataclass(frozen=True)
class FurtherResult:
    """What a further measurement found."""

    name: str
    metrics: dict[str, float]
    standard_errors: dict[str, float]
    scored_tokens: int
    items: int
    message: messages.FurtherResult = _whole()


@dataclass(frozen=True)
class Evaluation:
    """One architecture, measured."""

    index: int
    metrics: dict[str, float]
    standard_errors: dict[str, float]
    architecture: Architecture
    costs: tuple[Cost, ...]
    measurement: Measurement
    fidelity: Fidelity
    recipe_digest: str | None
    scored_tokens: int
    tokens_spent: int
    checkpoint_digest: str
    items: int
    further: tuple[FurtherResult, ...]
    message: messages.EvaluationResult = _whole()


@dataclass(frozen=True)
class WrittenExport:
    """One of several forms of a written model: an output of its own."""

    output: str
    exporter: str
    files: tuple[str, ...]
    bytes: int
    costs: tuple[Cost, ...]
    loads_in: tuple[str, ...]


@dataclass(frozen=True)
class PruneResult:
    """A written model."""

    output: str
    files: tuple[str, ...]
    bytes: int
    architecture: Architecture
    costs: tuple[Cost, ...]
    loads_in: tuple[str, ...]
    recipe_digest: str | None
    allocation: str | None
    exports: tuple[WrittenExport, ...]
    notes: tuple[str, ...]
    message: messages.PruneResult = _whole()


@dataclass(frozen=True)
class ReportRow:
    """One architecture of a report; `metrics` are those on the report windows."""

    name: str
    architecture: Architecture
    parameters: int
    costs: tuple[Cost, ...]
    metrics: dict[str, float]
    verify_metrics: dict[str, float]
    recipe_digest: str | None


@dataclass(frozen=True)
class Lift:
    """By how much the winner is better than a control, with the ends of its 95 % interval."""

    control: str
    metric: str
    lift: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FitQuality:
    """How well a predictor does on pairs that it was not fitted on."""

    metric: str
    split: str
    fitted: int
    held_out: int
    kendall_tau: float
    spearman: float
    r2: float
    mae: float
    rmse: float


@dataclass(frozen=True)
class SearchReport:
    """The outcome of a search."""

    study_id: str
    summary: str
    winner: ReportRow
    dense: ReportRow
    controls: tuple[ReportRow, ...]
    best_control: str | None
    lifts: tuple[Lift, ...]
    output: str | None
    exports: tuple[WrittenExport, ...]
    notes: tuple[str, ...]
    recovered: ReportRow | None
    predictor_id: str | None
    fit_quality: FitQuality | None
    pairs: int
    predicted: int
    verified: int
    tokens_spent: int
    labels_paid: int
    labels_known: int
    message: messages.StudyReport = _whole()


@dataclass(frozen=True)
class SampledPairs:
    """The end of a sample: the study that holds the pairs."""

    study_id: str
    pairs: int
    tokens_spent: int


@dataclass(frozen=True)
class Predictor:
    """A fitted predictor; `dimensions` names the columns of the rates that it takes."""

    id: str
    backend: str
    model: str
    checkpoint_digest: str
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    recipe_digests: tuple[str, ...]
    pairs: int
    seed: int
    quality: tuple[FitQuality, ...]
    study_id: str | None
    create_time: datetime | None
    message: messages.Predictor = _whole()


@dataclass(frozen=True)
class MetricPrediction:
    """What a predictor says of a metric, one value per row, in the unit of the metric."""

    metric: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class OutOfRange:
    """A row outside the range of the predictor's pairs."""

    row: int
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of a batch of architectures."""

    predictor_id: str
    predictions: tuple[MetricPrediction, ...]
    out_of_range: tuple[OutOfRange, ...]
    parameters: tuple[int, ...]
    interval_coverage: float
    message: messages.PredictResponse = _whole()

    def __getitem__(self, metric: str) -> MetricPrediction:
        """That of one metric."""
        return next(each for each in self.predictions if each.metric == metric)


@dataclass(frozen=True)
class Trial:
    """One architecture that was really evaluated; `rates` are in the order of the study's dimensions."""

    number: int
    role: str
    control: str | None
    part: str
    round: int
    architecture: Architecture
    rates: tuple[float, ...]
    metrics: dict[str, float]
    predicted: float | None
    parameters: int
    tokens_spent: int
    recipe_digest: str | None
    measurement_fingerprint: str
    fidelity_digest: str


class Trials(list[Trial]):
    """Trials of a study, in the order of their numbers."""

    def __init__(self, trials: Iterable[Trial], dimensions: Iterable[str]) -> None:
        super().__init__(trials)
        self.dimensions = tuple(dimensions)
        """The names of the columns of `rates`."""

    def to_pandas(self) -> pandas.DataFrame:
        """A row per trial, with a column per metric and one per dimension. Needs pandas."""
        return _to_pandas(
            {
                "number": each.number,
                "role": each.role,
                "control": each.control,
                "part": each.part,
                "round": each.round,
                "parameters": each.parameters,
                "tokens_spent": each.tokens_spent,
                "recipe_digest": each.recipe_digest,
                "predicted": each.predicted,
                **each.metrics,
                **dict(zip(self.dimensions, each.rates, strict=False)),
            }
            for each in self
        )


@dataclass(frozen=True)
class Pair:
    """An architecture and its quality; `rates` are in the order of the dimensions of the set."""

    rates: tuple[float, ...]
    metrics: dict[str, float]
    recipe_digest: str | None


class Pairs(list[Pair]):
    """The pairs of a study, and what they have in common."""

    def __init__(self, pairs: Iterable[Pair], shared: messages.PairSet) -> None:
        super().__init__(pairs)
        self.shared = shared
        """The model, and what was measured."""
        self.dimensions = tuple(shared.dimensions)
        """The names of the columns of `rates`."""

    @property
    def message(self) -> messages.PairSet:
        """The pairs as they are sent, such as to `fit_predictor`."""
        message = messages.PairSet()
        message.CopyFrom(self.shared)
        fill(message, {"pairs": list(self)})
        return message

    def to_pandas(self) -> pandas.DataFrame:
        """A row per pair, with a column per metric and one per dimension. Needs pandas."""
        return _to_pandas(
            {
                "recipe_digest": each.recipe_digest,
                **each.metrics,
                **dict(zip(self.dimensions, each.rates, strict=False)),
            }
            for each in self
        )


@dataclass(frozen=True)
class Job:
    """One Prune, Evaluate, Search, SamplePairs or FitPredictor, waiting, running or ended."""

    id: str
    kind: str
    state: str
    request_id: str | None
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    last_sequence: int
    queue_place: int
    error: PrunecastError | None
    study_id: str | None
    labels: dict[str, str]
    message: messages.Job = _whole()

    @property
    def request(self) -> Any:
        """The message of the request that it was made for; None where the answer does not have it, as a list without
        `view="full"`."""
        if not self.message.HasField("request"):
            return None
        name = self.message.request.TypeName().rpartition(".")[2]
        made = getattr(messages, name)()
        self.message.request.Unpack(made)
        return made

    @property
    def result(self) -> PruneResult | EvaluateTotals | SearchReport | SampledPairs | Predictor | None:
        """What came out; None unless it has succeeded and the answer has it. Of an Evaluate the totals:
        `client.result(job.id)` has each evaluation."""
        # Not above: the reader of messages needs this module.
        from prunecast._decode import decode

        case = self.message.WhichOneof("result")
        return None if case is None else decode(JOB_RESULTS[case], getattr(self.message, case))


@dataclass(frozen=True)
class EvaluateTotals:
    """The end of an Evaluate."""

    evaluated: int
    tokens_spent: int


@dataclass(frozen=True)
class Dimension:
    """One number that a search chooses."""

    name: str
    kind: str
    layers: tuple[int, ...]
    size: int
    min_count: int
    max_count: int
    choices: int


@dataclass(frozen=True)
class StudySummary:
    """A study in a list."""

    id: str
    job_id: str | None
    model: str
    checkpoint_digest: str
    state: str
    create_time: datetime
    trials: int


@dataclass(frozen=True)
class Study:
    """A study; `report` is None until it has succeeded."""

    id: str
    job_id: str | None
    model: str
    checkpoint_digest: str
    state: str
    phase: str
    dimensions: tuple[Dimension, ...]
    trials: int
    tokens_spent: int
    predictor_ids: tuple[str, ...]
    report: SearchReport | None
    seed: int
    create_time: datetime
    message: messages.Study = _whole()


@dataclass(frozen=True)
class QueryAnswer:
    """One architecture that meets the budgets of a query, the best first."""

    architecture: Architecture
    costs: tuple[Cost, ...]
    predictions: tuple[MetricPrediction, ...]
    metrics: dict[str, float]
    out_of_range: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The report of a study: `document` in the format that was asked for, `overview` as data."""

    document: str | None
    overview: messages.StudyOverview = _whole()


@dataclass(frozen=True)
class RangeProposal:
    """How the range of one dimension changes, if at all."""

    dimension: str
    old_min_rate: float
    old_max_rate: float
    new_min_rate: float
    new_max_rate: float
    importance: float
    reason: str


@dataclass(frozen=True)
class DimensionEffect:
    """What one dimension does to the prediction."""

    dimension: str
    permutation_importance: float
    rates: tuple[float, ...]
    effect: tuple[float, ...]


@dataclass(frozen=True)
class LoadRow:
    """What would load the outputs of a compensation and an exporter; if nothing does, `note` says why, and what would.

    `options` are set in rows of options other than those that were asked for.
    """

    compensation: str
    exporter: str
    uniform: bool
    loads_in: tuple[str, ...]
    note: str | None
    options: dict[str, Any] | None


@dataclass(frozen=True)
class Model:
    """What a checkpoint is."""

    model: str
    family: str
    checkpoint_digest: str
    hidden: int
    head_dim: int
    vocabulary: int
    tied_embeddings: bool
    architecture: Architecture
    parameters: int
    weight_bytes: int
    dimensions: tuple[Dimension, ...]
    protected_layers: tuple[int, ...]
    has_tokenizer: bool
    loads: tuple[LoadRow, ...]
    notes: tuple[str, ...]
    message: messages.InspectModelResponse = _whole()


@dataclass(frozen=True)
class ModelSummary:
    """A checkpoint in a list; `fault` is why requests for it are refused."""

    model: str
    family: str | None
    parameters: int
    weight_bytes: int
    has_tokenizer: bool
    fault: str | None


@dataclass(frozen=True)
class Output:
    """A written model in a list; `fault` is why its prunecast.json cannot be read.

    `metrics` are those of its study on the verify windows, of a trained one before the training.
    """

    output: str
    model: str
    checkpoint_digest: str
    dense_parameters: int
    architecture: Architecture | None
    parameters: int
    bytes: int
    costs: tuple[Cost, ...]
    metrics: dict[str, float]
    measurement_fingerprint: str | None
    recipe_digest: str | None
    job_id: str | None
    study_id: str | None
    exporter: str
    recovered: bool
    create_time: datetime | None
    fault: str | None
    message: messages.OutputSummary = _whole()


@dataclass(frozen=True)
class LogitDifference:
    """How far the logits of an output are from those of its source, pruned and compensated in the same way."""

    tokens: int
    most: float
    share: float
    share_limit: float
    agreements: int


@dataclass(frozen=True)
class OutputCheck:
    """What a check of an output found; `outcome` is `passed`, `failed` or `not_checked`."""

    name: str
    outcome: str
    finding: str
    file: str | None
    folder: str | None
    logits: LogitDifference | None
    message: messages.OutputCheck = _whole()


@dataclass(frozen=True)
class Upload:
    """An uploaded file or folder; requests name it by `path`. It is deleted at `expire_time` unless it is used."""

    path: str
    name: str
    digest: str
    bytes: int
    create_time: datetime
    in_use: bool
    folder: bool
    files: int
    expire_time: datetime


@dataclass(frozen=True)
class Downloaded:
    """A downloaded output; `kept_bytes` are those that an earlier download, which broke off, had brought already."""

    folder: Path
    files: int
    bytes: int
    kept_bytes: int


@dataclass(frozen=True)
class Plugin:
    """One plug-in; `options_schema` is the JSON Schema of its options."""

    kind: str
    id: str
    version: str
    summary: str
    options_schema: dict[str, Any]
    runs_in: str


@dataclass(frozen=True)
class ServerInfo:
    """Versions and limits of a server."""

    version: str
    api_version: str
    threads: int
    memory_budget_bytes: int
    max_message_bytes: int
    max_predict_rows: int
    precisions: tuple[str, ...]
    message: messages.GetServerInfoResponse = _whole()


@dataclass(frozen=True)
class LogState:
    """How much a server logs. After `fall_back_time` it is `configured_level`; without one `level` stays."""

    level: str
    configured_level: str
    fall_back_time: datetime | None


@dataclass(frozen=True)
class PlannedPhase:
    """A part of what a job would do."""

    name: str
    trials: int
    tokens: int
    estimated_seconds: float | None


@dataclass(frozen=True)
class FeasibleRange:
    """What a budget can ask of a space."""

    kind: str
    least: float
    most: float


@dataclass(frozen=True)
class Plan:
    """What a job would do."""

    trials: int
    tokens: int
    peak_memory_bytes: int
    estimated_seconds: float | None
    feasible: tuple[FeasibleRange, ...]
    loads_in: tuple[str, ...]
    architectures: tuple[Architecture, ...]
    costs: tuple[Cost, ...]
    phases: tuple[PlannedPhase, ...]
    disk_bytes: int
    known_trials: int
    loads: tuple[LoadRow, ...]
    notes: tuple[str, ...]
    message: messages.Plan = _whole()


def _to_pandas(rows: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_pandas() needs pandas: pip install 'prunecast[pandas]'") from error
    return pandas.DataFrame(list(rows))


JOB_RESULTS: Mapping[str, type[Any]] = {
    "prune": PruneResult,
    "evaluate": EvaluateTotals,
    "search": SearchReport,
    "sample_pairs": SampledPairs,
    "predictor": Predictor,
}
"""What each kind of job ends with, by the field of its message."""
