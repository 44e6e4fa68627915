"""Two predictors: one that follows what a search measures, and one that tells nothing apart."""

from __future__ import annotations

from typing import Any

import numpy as np

import prunecast
from prunecast.plugin import FitProblem, Predictor


class Totals(Predictor):
    """Ridge regression on the rates and on the squares of their totals."""

    id = "totals"

    def fit(self, problem: FitProblem, options: None) -> Any:
        kinds = [name.rpartition(".")[2] for name in problem.dimensions]
        features = expand(problem.rates, kinds)
        means, spreads = features.mean(axis=0), features.std(axis=0)
        spreads[spreads == 0] = 1
        design = (features - means) / spreads
        mean = problem.targets.mean()
        normal = design.T @ design + np.eye(design.shape[1])
        return kinds, means, spreads, mean, np.linalg.solve(normal, design.T @ (problem.targets - mean))

    def predict(self, model: Any, rates: Any) -> Any:
        kinds, means, spreads, mean, weights = model
        return ((expand(rates, kinds) - means) / spreads) @ weights + mean


def expand(rates: Any, kinds: list[str]) -> Any:
    """The rates; then, for each kind of dimension, the square of their total and the total of their squares."""
    own = np.asarray(rates, float)
    some = [own[:, [each == kind for each in kinds]] for kind in sorted(set(kinds))]
    return np.column_stack([own, *(total for part in some for total in (part.sum(1) ** 2, (part**2).sum(1)))])


class Average(Predictor):
    """The mean of all targets."""

    id = "average"

    def fit(self, problem: FitProblem, options: None) -> Any:
        return float(problem.targets.mean())

    def predict(self, model: Any, rates: Any) -> Any:
        return np.full(len(rates), model)


if __name__ == "__main__":
    prunecast.serve(Totals(), Average())
