"""A plug-in of each kind, whose answers a test knows. Arguments choose some of them by their ids."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import prunecast
from prunecast import plugin


class Nearest(plugin.Predictor):
    """The mean of the nearest pairs."""

    id = "nearest"
    version = "2"
    least_pairs = 3
    quick_options = {"neighbours": 1}

    @dataclass
    class Options:
        neighbours: int = plugin.option(3, "How many.", minimum=1)
        weights: Literal["same", "distance", "broken", "busy", "endless"] = plugin.option("same", "How they count.")

    def fit(self, problem: plugin.FitProblem, options: Options) -> Any:
        if options.weights == "broken":
            return 1 / 0
        if options.weights == "busy":
            raise plugin.Unavailable("ask again")
        if options.weights == "endless":
            print("working", flush=True)
            time.sleep(600)
        if options.neighbours > len(problem.targets):
            many = f"there are {len(problem.targets)} pairs"
            raise plugin.InvalidOptions("too many neighbours", {"neighbours": many})
        assert problem.rates.shape == (len(problem.targets), len(problem.dimensions))
        return problem.rates, problem.targets, options.neighbours

    def predict(self, model: Any, rates: Any) -> Any:
        known, targets, neighbours = model
        distances = np.linalg.norm(known[None] - rates[:, None], axis=2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
        return targets[nearest].mean(axis=1), np.full(len(rates), 0.5)


class Stairs(plugin.Evaluator):
    """Mean channels of a layer."""

    id = "stairs"
    metrics = [plugin.Metric("stairs", better="higher", mean=("channels", "count"))]

    def evaluate(self, candidate: plugin.Candidate, options: None) -> plugin.Measured:
        assert (candidate.folder / "config.json").exists()
        channels = [float(layer.ffn_channels) for layer in candidate.layers]
        items = {"channels": channels, "count": [1.0] * len(channels)}
        return plugin.Measured({"stairs": float(np.mean(channels))}, items)


class FirstToken(plugin.Criterion):
    """Knows what it was sent."""

    id = "first-token"
    needs_calibration = True

    def score(self, problem: plugin.ScoreProblem, options: None) -> Iterator[tuple[plugin.UnitGroup, Any]]:
        first = sum(int(sequence[0]) for sequence in problem.sequences)
        for group in problem.groups:
            yield group, first + np.arange(group.units)


class Walk(plugin.Strategy):
    """Predicts samples until it has as many as it may."""

    id = "walk"
    samples_per_ask = 5

    def start(self, problem: plugin.SearchProblem, options: None) -> plugin.StrategyRun:
        return WalkRun()


class WalkRun(plugin.StrategyRun):
    def __init__(self) -> None:
        self.known: list[list[int]] = []
        self.told: list[tuple[float, list[int]]] = []

    def evaluated(self, points: Any, values: Any) -> None:
        self.known += points.tolist()

    def ask(self, samples: Any) -> Any:
        return samples if len(self.told) < 3 else []

    def tell(self, points: Any, predictions: Sequence[plugin.Prediction]) -> None:
        self.told += zip(predictions[0].means.tolist(), points.tolist(), strict=True)

    def best(self, count: int) -> Any:
        return [point for _, point in sorted(self.told) if point not in self.known][:count]


if __name__ == "__main__":
    plugins = [Nearest(), Stairs(), FirstToken(), Walk()]
    prunecast.serve(*(each for each in plugins if each.id in sys.argv[1:] or len(sys.argv) == 1))
