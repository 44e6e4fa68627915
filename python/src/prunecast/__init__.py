"""Client and plug-in kit of Prunecast."""

from prunecast._follow import Reattach
from prunecast._retry import Retry
from prunecast.client import Client, LayerScores
from prunecast.errors import FieldViolation, PrunecastError, QuotaViolation
from prunecast.plugin import serve
from prunecast.results import (
    Downloaded,
    Evaluation,
    Job,
    Model,
    Output,
    OutputCheck,
    Pairs,
    Plan,
    Prediction,
    Predictor,
    PruneResult,
    SampledPairs,
    SearchReport,
    Study,
    Trial,
    Trials,
    Upload,
    WrittenExport,
)
from prunecast.server import Server, start_server

__all__ = [
    "Client",
    "Downloaded",
    "Evaluation",
    "FieldViolation",
    "Job",
    "LayerScores",
    "Model",
    "Output",
    "OutputCheck",
    "Pairs",
    "Plan",
    "Prediction",
    "Predictor",
    "PruneResult",
    "PrunecastError",
    "QuotaViolation",
    "Reattach",
    "Retry",
    "SampledPairs",
    "SearchReport",
    "Server",
    "Study",
    "Trial",
    "Trials",
    "Upload",
    "WrittenExport",
    "serve",
    "start_server",
]
