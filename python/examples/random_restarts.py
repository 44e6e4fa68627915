"""A strategy: hill climbing that starts again at a random point when it gets no further."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import prunecast
from prunecast.plugin import Prediction, SearchProblem, Strategy, StrategyRun, option


class RandomRestarts(Strategy):
    """Climbs from random points, and starts again where it gets no further."""

    id = "random-restarts"
    samples_per_ask = 8

    @dataclass
    class Options:
        neighbours: int = option(32, "Points near the climber that are predicted at a time.", minimum=1, maximum=4096)

    def start(self, problem: SearchProblem, options: Options) -> StrategyRun:
        return Climb(problem, options.neighbours)


class Climb(StrategyRun):
    def __init__(self, problem: SearchProblem, neighbours: int) -> None:
        self.problem, self.neighbours = problem, neighbours
        self.rng = np.random.default_rng(problem.seed)
        self.measured: set[tuple[int, ...]] = set()
        self.told: dict[tuple[int, ...], float] = {}
        self.climber: tuple[float, tuple[int, ...]] | None = None

    def evaluated(self, points: Any, values: Any) -> None:
        self.measured |= set(map(tuple, points.tolist()))

    def ask(self, samples: Any) -> Any:
        # The server moves points to meet the budget, and stops asking once it has predicted as many as it may.
        if self.climber is None:
            return samples
        near = np.tile(self.climber[1], (self.neighbours, 1))
        for column, dimension in enumerate(self.problem.dimensions):
            drawn = self.rng.choice(dimension.counts, self.neighbours)
            near[:, column] = np.where(self.rng.random(self.neighbours) < 0.2, drawn, near[:, column])
        return near

    def tell(self, points: Any, predictions: Sequence[Prediction]) -> None:
        means = predictions[0].means.tolist() if predictions else []
        found = sorted(zip(means, map(tuple, points.tolist()), strict=True))
        self.told |= {point: value for value, point in found}
        self.climber = found[0] if found and (self.climber is None or found[0] < self.climber) else None

    def best(self, count: int) -> Any:
        return [point for point in sorted(self.told, key=self.told.__getitem__) if point not in self.measured][:count]


if __name__ == "__main__":
    prunecast.serve(RandomRestarts())
