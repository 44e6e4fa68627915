"""Predictors: what an evaluator would measure, from encodings of architectures."""

from __future__ import annotations

import hashlib
import pickle
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import grpc

from prunecast._proto.prunecast.plugin.v1 import plugin_pb2
from prunecast.plugin.base import Plugin, import_numpy

if TYPE_CHECKING:
    from numpy import float32, float64
    from numpy.typing import NDArray

PIECE_BYTES = 1024 * 1024
STATES_KEPT = 64


@dataclass(frozen=True)
class TargetMetric:
    """The metric of targets."""

    name: str
    """`perplexity`, `mmlu.accuracy`."""
    better: str
    """`lower` or `higher`."""
    scale: str
    """The scale that the targets are on already: `linear` or `log`."""


@dataclass(frozen=True)
class FitProblem:
    """What a predictor is to be fitted on."""

    rates: NDArray[float32]
    """Pruning rates in [0, 1], [pairs, dimensions]."""
    targets: NDArray[float64]
    """The number to predict for each, [pairs]."""
    dimensions: tuple[str, ...]
    """Names of the columns: `layers.7.ffn_channels`."""
    seed: int
    """Random numbers come from it alone: equal requests must give equal answers."""
    metric: TargetMetric | None
    """None if it is not known."""
    is_cancelled: Callable[[], bool]
    """Whether nobody waits for the answer any more."""


class Predictor(Plugin):
    """A predictor."""

    kind = "predictor"
    least_pairs: ClassVar[int] = 2
    most_pairs: ClassVar[int] = 100_000
    quick_options: ClassVar[dict[str, Any] | None] = None
    """Options in place of those of the request where a fit only serves to compare predictors; None for none."""

    @abstractmethod
    def fit(self, problem: FitProblem, options: Any) -> Any:
        """The fitted model, whatever it is."""

    @abstractmethod
    def predict(self, model: Any, rates: NDArray[float32]) -> Any:
        """One number for each row, on the scale of the targets; or a pair of these, and their standard deviations."""

    def save(self, model: Any) -> bytes:
        """A model as bytes that the server stores."""
        return pickle.dumps(model)

    def load(self, state: bytes) -> Any:
        """The model of these bytes."""
        return pickle.loads(state)

    def _describe_kind(self, info: plugin_pb2.PluginInfo) -> None:
        info.predictor.least_pairs = self.least_pairs
        info.predictor.most_pairs = self.most_pairs
        if self.quick_options is not None:
            info.predictor.quick_options.update(self.quick_options)


class PredictorService:
    """`PredictorService` of the protocol. Fitted models are kept under the digests of their bytes, the latest ones."""

    def __init__(self, find: Callable[[str, str], Any]) -> None:
        self._find = find
        self._models: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def Fit(self, requests: Iterator[plugin_pb2.FitRequest], context: Any) -> Iterator[plugin_pb2.FitResponse]:
        numpy = import_numpy()
        start = next(requests).start
        parts = [each.pairs for each in requests]
        plugin = self._find("predictor", start.id)
        problem = FitProblem(
            rates=numpy.concatenate([_read_encodings(each.encodings) for each in parts]),
            targets=numpy.concatenate([numpy.frombuffer(each.targets, "<f8") for each in parts]),
            dimensions=tuple(start.dimensions),
            seed=start.seed,
            metric=_read_metric(start.metric) if start.HasField("metric") else None,
            is_cancelled=lambda: not context.is_active(),
        )
        model = plugin.fit(problem, plugin.read_options(start.options))
        state = plugin.save(model)
        self._keep(start.id, hashlib.sha256(state).hexdigest(), model)
        return (plugin_pb2.FitResponse(state=state[at : at + PIECE_BYTES]) for at in range(0, len(state), PIECE_BYTES))

    def LoadState(self, requests: Iterator[plugin_pb2.LoadStateRequest], context: Any) -> plugin_pb2.LoadStateResponse:
        start = next(requests).start
        state = b"".join(each.state for each in requests)
        plugin = self._find("predictor", start.id)
        self._keep(start.id, start.state_id, plugin.load(state))
        return plugin_pb2.LoadStateResponse()

    def Predict(self, request: plugin_pb2.PredictRequest, context: Any) -> plugin_pb2.PredictResponse:
        plugin = self._find("predictor", request.id)
        key = (request.id, request.state_id)
        if key not in self._models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no state {request.state_id} is loaded")
        self._models.move_to_end(key)
        predicted = plugin.predict(self._models[key], _read_encodings(request.encodings))
        means, deviations = predicted if isinstance(predicted, tuple) else (predicted, ())
        return plugin_pb2.PredictResponse(means=write_float64(means), deviations=write_float64(deviations))

    def _keep(self, plugin_id: str, state_id: str, model: Any) -> None:
        self._models[plugin_id, state_id] = model
        while len(self._models) > STATES_KEPT:
            self._models.popitem(last=False)


def write_float64(values: Iterable[float]) -> bytes:
    """Numbers as float64, little-endian, in their order."""
    written: bytes = import_numpy().asarray(values, "<f8").tobytes()
    return written


def _read_encodings(encodings: plugin_pb2.Encodings) -> Any:
    return import_numpy().frombuffer(encodings.rates, "<f4").reshape(-1, encodings.dimensions)


def _read_metric(metric: plugin_pb2.TargetMetric) -> TargetMetric:
    better = "higher" if metric.better == plugin_pb2.BETTER_HIGHER else "lower"
    return TargetMetric(metric.name, better, "log" if metric.scale == plugin_pb2.SCALE_LOG else "linear")
