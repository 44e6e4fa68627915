"""The plug-in kit: a class of one of these kinds becomes a plug-in by `prunecast.serve(MyPredictor())`. Needs numpy."""

from prunecast.plugin._serve import serve
from prunecast.plugin.base import InvalidOptions, Plugin, Unavailable, option
from prunecast.plugin.criterion import Criterion, ScoreProblem, UnitGroup
from prunecast.plugin.evaluator import Candidate, Evaluator, Layer, Measured, Metric
from prunecast.plugin.predictor import FitProblem, Predictor, TargetMetric
from prunecast.plugin.strategy import Prediction, SearchDimension, SearchProblem, Strategy, StrategyRun

__all__ = [
    "Candidate",
    "Criterion",
    "Evaluator",
    "FitProblem",
    "InvalidOptions",
    "Layer",
    "Measured",
    "Metric",
    "Plugin",
    "Prediction",
    "Predictor",
    "ScoreProblem",
    "SearchDimension",
    "SearchProblem",
    "Strategy",
    "StrategyRun",
    "TargetMetric",
    "Unavailable",
    "UnitGroup",
    "option",
    "serve",
]
