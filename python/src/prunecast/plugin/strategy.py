"""Strategies: propose architectures to a search, by ask and tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from prunecast._proto.prunecast.plugin.v1 import plugin_pb2
from prunecast.plugin.base import Plugin, import_numpy

if TYPE_CHECKING:
    from numpy import float64, int32
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SearchDimension:
    """One number that a search chooses: how much is kept."""

    name: str
    """`layers.7.ffn_channels`."""
    kind: str
    """`kv_heads`, `query_heads_per_kv` or `ffn_channels`."""
    size: int
    """The unpruned count."""
    counts: tuple[int, ...]
    """The counts that it may take, ascending."""


@dataclass(frozen=True)
class SearchProblem:
    """A search."""

    dimensions: tuple[SearchDimension, ...]
    """What a point chooses: one count for each dimension."""
    candidates: int
    """How many different points may be predicted in all."""
    objectives: int
    """How many objectives there are, at least 1. Lower is better in all."""
    seed: int
    """Random numbers come from it alone: equal requests must give equal answers."""


@dataclass(frozen=True)
class Prediction:
    """Predictions of one objective, one for each point. Lower is better."""

    means: NDArray[float64]
    deviations: NDArray[float64] | None
    """Standard deviations; None if the predictor has none."""


class StrategyRun(ABC):
    """One search. Points are kept counts, int32, [points, dimensions]."""

    def evaluated(self, points: NDArray[int32], values: NDArray[float64]) -> None:  # noqa: B027
        """Told, before the first `ask`, points whose objectives were really measured, [points, objectives]."""

    @abstractmethod
    def ask(self, samples: NDArray[int32]) -> ArrayLike:
        """The points to predict next, at most 4,096; none once it has all it wants. `samples` are as many random points
        as `samples_per_ask` says, all within the space and every budget."""

    @abstractmethod
    def tell(self, points: NDArray[int32], predictions: Sequence[Prediction]) -> None:
        """Told what is predicted of the points of the last `ask`, one prediction for each objective. A point that
        missed the space or a budget was moved to the nearest one that does not, or left out."""

    @abstractmethod
    def best(self, count: int) -> ArrayLike:
        """The best different points so far that a `tell` named, and `evaluated` did not, the best first; with several
        objectives spread over their front."""


class Strategy(Plugin):
    """A strategy."""

    kind = "strategy"
    many_objectives: ClassVar[bool] = False
    """Whether it takes several objectives, and then looks for their front; otherwise one only."""
    samples_per_ask: ClassVar[int] = 0
    """How many random feasible points it wants with each `ask`, at most 1,024."""

    @abstractmethod
    def start(self, problem: SearchProblem, options: Any) -> StrategyRun:
        """A new search."""

    def _describe_kind(self, info: plugin_pb2.PluginInfo) -> None:
        info.strategy.many_objectives = self.many_objectives
        info.strategy.samples_per_ask = self.samples_per_ask


class StrategyService:
    """`StrategyService` of the protocol."""

    def __init__(self, find: Callable[[str, str], Any]) -> None:
        self._find = find

    def Run(self, requests: Iterator[plugin_pb2.RunRequest], context: Any) -> Iterator[plugin_pb2.RunResponse]:
        start = next(requests).start
        plugin = self._find("strategy", start.id)
        problem = SearchProblem(
            dimensions=tuple(
                SearchDimension(each.name, each.kind, each.size, tuple(each.counts)) for each in start.dimensions
            ),
            candidates=start.candidates,
            objectives=start.objectives,
            seed=start.seed,
        )
        run = plugin.start(problem, plugin.read_options(start.options))
        for request in requests:
            step = request.WhichOneof("step")
            if step == "evaluated":
                points = _read_points(request.evaluated.points, problem)
                values = import_numpy().frombuffer(request.evaluated.values, "<f8").reshape(-1, problem.objectives)
                run.evaluated(points, values)
            elif step == "ask":
                yield _answer(request, run.ask(_read_points(request.ask.samples, problem)))
            elif step == "tell":
                predictions = [_read_prediction(each) for each in request.tell.objectives]
                run.tell(_read_points(request.tell.points, problem), predictions)
            elif step == "best":
                yield _answer(request, run.best(request.best.count))


def _read_points(points: plugin_pb2.Points, problem: SearchProblem) -> Any:
    return import_numpy().frombuffer(points.counts, "<i4").reshape(-1, len(problem.dimensions))


def _read_prediction(objective: plugin_pb2.ObjectivePrediction) -> Prediction:
    numpy = import_numpy()
    deviations = numpy.frombuffer(objective.deviations, "<f8")
    return Prediction(numpy.frombuffer(objective.means, "<f8"), deviations if len(deviations) > 0 else None)


def _answer(request: plugin_pb2.RunRequest, points: ArrayLike) -> plugin_pb2.RunResponse:
    counts = import_numpy().asarray(points, "<i4").tobytes()
    return plugin_pb2.RunResponse(points=plugin_pb2.Points(counts=counts), question=request.question)
