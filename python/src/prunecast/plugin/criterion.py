"""Criteria: rank the units of a model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from prunecast._proto.prunecast.plugin.v1 import plugin_pb2
from prunecast._requests import enum_names
from prunecast.plugin.base import Plugin, import_numpy

if TYPE_CHECKING:
    from numpy import int32
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class UnitGroup:
    """The units of one kind in one layer."""

    layer: int
    """From 0."""
    kind: str
    """`ffn_channel`, `query_head`, `kv_group` or `layer`."""
    units: int
    """How many there are."""


@dataclass(frozen=True)
class ScoreProblem:
    """What is to be scored."""

    folder: Path
    """The unpruned checkpoint (config.json and safetensors), which must not be written to."""
    model_digest: str
    """SHA-256 (hex) that names this checkpoint."""
    groups: tuple[UnitGroup, ...]
    """The units to score."""
    sequences: tuple[NDArray[int32], ...]
    """The token ids of the calibration text; empty unless the criterion needs it."""
    seed: int
    """Random numbers come from it alone: equal requests must give equal answers."""
    is_cancelled: Callable[[], bool]
    """Whether nobody waits for the answer any more."""


class Criterion(Plugin):
    """A criterion."""

    kind = "criterion"
    needs_calibration: ClassVar[bool] = False
    """Whether it needs the calibration text."""

    @abstractmethod
    def score(self, problem: ScoreProblem, options: Any) -> Iterable[tuple[UnitGroup, ArrayLike]]:
        """Each group with one score for each of its units, in their order in the checkpoint. Units with the lowest are
        removed first."""

    def _describe_kind(self, info: plugin_pb2.PluginInfo) -> None:
        info.criterion.needs_calibration = self.needs_calibration


class CriterionService:
    """`CriterionService` of the protocol."""

    def __init__(self, find: Callable[[str, str], Any]) -> None:
        self._find = find

    def Score(self, requests: Iterator[plugin_pb2.ScoreRequest], context: Any) -> Iterator[plugin_pb2.ScoreResponse]:
        numpy = import_numpy()
        start = next(requests).start
        plugin = self._find("criterion", start.id)
        problem = ScoreProblem(
            folder=Path(start.checkpoint_folder),
            model_digest=start.model_digest,
            groups=tuple(UnitGroup(each.layer, KIND_NAMES[each.kind], each.units) for each in start.groups),
            sequences=tuple(sequence for each in requests for sequence in _read_sequences(each.calibration)),
            seed=start.seed,
            is_cancelled=lambda: not context.is_active(),
        )
        for group, scores in plugin.score(problem, plugin.read_options(start.options)):
            yield plugin_pb2.ScoreResponse(
                layer=group.layer,
                kind=f"UNIT_KIND_{group.kind.upper()}",
                scores=numpy.asarray(scores, "<f4").tobytes(),
            )


KIND_NAMES = enum_names(plugin_pb2.UnitKind.DESCRIPTOR)


def _read_sequences(sequences: plugin_pb2.Sequences) -> list[Any]:
    numpy = import_numpy()
    tokens = numpy.frombuffer(sequences.tokens, "<i4")
    return list(numpy.split(tokens, numpy.cumsum(sequences.lengths)[:-1])) if len(sequences.lengths) > 0 else []
