"""A predictor: scikit-learn's gradient boosting."""

from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import GradientBoostingRegressor

import prunecast
from prunecast.plugin import FitProblem, Predictor, option


class Boosting(Predictor):
    """Gradient boosting of scikit-learn."""

    id = "sklearn-boosting"

    @dataclass
    class Options:
        trees: int = option(200, "Boosting rounds.", minimum=1, maximum=5000)
        depth: int = option(3, "Most splits from the root to a leaf.", minimum=1, maximum=12)
        learning_rate: float = option(0.1, "Share of each tree that is added.", exclusiveMinimum=0, maximum=1)

    def fit(self, problem: FitProblem, options: Options) -> Any:
        model = GradientBoostingRegressor(
            n_estimators=options.trees,
            max_depth=options.depth,
            learning_rate=options.learning_rate,
            random_state=problem.seed % 2**32,
        )
        return model.fit(problem.rates, problem.targets)

    def predict(self, model: Any, rates: Any) -> Any:
        return model.predict(rates)


if __name__ == "__main__":
    prunecast.serve(Boosting())
