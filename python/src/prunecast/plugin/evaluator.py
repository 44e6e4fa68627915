"""Evaluators: measure pruned models that lie on disk."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from prunecast._proto.prunecast.plugin.v1 import plugin_pb2
from prunecast.plugin.base import Plugin
from prunecast.plugin.predictor import write_float64


@dataclass(frozen=True)
class Metric:
    """What a metric means."""

    name: str
    """snake_case: `pass_at_1`."""
    better: str
    """`lower` or `higher`."""
    scale: str = "linear"
    """The scale that predictors are fitted on: `linear`, or `log` if all values are above 0."""
    mean: tuple[str, str] | None = None
    """The two columns of items whose sums' ratio the metric is (on `log`, the exponential of that), such as `passed`
    and `questions`: reports then have an interval for it. None if it is no such mean."""
    summary: str = ""
    """A sentence for people."""


@dataclass(frozen=True)
class Layer:
    """What one layer keeps; 0 of a kind for a layer without that half."""

    kv_heads: int
    query_heads_per_kv: int
    ffn_channels: int


@dataclass(frozen=True)
class Candidate:
    """What is to be measured."""

    folder: Path
    """Its checkpoint; it is there until the call ends, and must not be written to."""
    model_digest: str
    """SHA-256 (hex) that names the unpruned checkpoint."""
    layers: tuple[Layer, ...]
    """The candidate's shape."""
    is_cancelled: Callable[[], bool]
    """Whether nobody waits for the answer any more."""


@dataclass(frozen=True)
class Measured:
    """What was measured."""

    metrics: Mapping[str, float]
    """Every metric, by name."""
    items: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Numbers of each item (a question, a task) by the name of their column, all of one length. Candidates must have
    the same items in the same order."""


class Evaluator(Plugin):
    """An evaluator."""

    kind = "evaluator"
    metrics: ClassVar[Sequence[Metric]]
    """What it measures, at least one metric."""
    exporter: ClassVar[str] = ""
    """What writes the checkpoint folder; empty for a folder that transformers loads."""
    exporter_options: ClassVar[dict[str, Any] | None] = None
    """Options of the exporter; None for its defaults."""

    @abstractmethod
    def evaluate(self, candidate: Candidate, options: Any) -> Measured:
        """Measures one candidate."""

    def _describe_kind(self, info: plugin_pb2.PluginInfo) -> None:
        if not getattr(self, "metrics", None):
            raise TypeError(f'{type(self).__name__} has no metrics: say what it measures, [Metric("solved", "higher")]')
        info.evaluator.exporter = self.exporter
        if self.exporter_options is not None:
            info.evaluator.exporter_options.update(self.exporter_options)
        for metric in self.metrics:
            told = info.evaluator.metrics.add(
                name=metric.name,
                better=plugin_pb2.Better.Value(f"BETTER_{metric.better.upper()}"),
                scale=plugin_pb2.Scale.Value(f"SCALE_{metric.scale.upper()}"),
                summary=metric.summary,
            )
            if metric.mean is not None:
                told.mean.of, told.mean.per = metric.mean


class EvaluatorService:
    """`EvaluatorService` of the protocol."""

    def __init__(self, find: Callable[[str, str], Any]) -> None:
        self._find = find

    def Evaluate(self, request: plugin_pb2.EvaluateRequest, context: Any) -> plugin_pb2.EvaluateResponse:
        plugin = self._find("evaluator", request.id)
        candidate = Candidate(
            folder=Path(request.checkpoint_folder),
            model_digest=request.model_digest,
            layers=tuple(Layer(each.kv_heads, each.query_heads_per_kv, each.ffn_channels) for each in request.layers),
            is_cancelled=lambda: not context.is_active(),
        )
        measured = plugin.evaluate(candidate, plugin.read_options(request.options))
        items = [
            plugin_pb2.ItemColumn(name=name, values=write_float64(values)) for name, values in measured.items.items()
        ]
        return plugin_pb2.EvaluateResponse(
            metrics={name: float(value) for name, value in measured.metrics.items()}, items=items
        )
