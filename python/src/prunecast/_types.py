"""What arguments may be given as."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from prunecast import messages
from prunecast.results import Architecture

Fields = Mapping[str, Any]
PluginLike = str | Fields | messages.PluginRef
"""A plug-in: its id, or `{"id": "xgboost", "options": {"trees": 100}}`."""
ExportLike = str | Fields | messages.ExportSpec
"""A form of an output: an exporter's id, or `{"name": "q8", "exporter": {"id": "gguf"}}`."""
TextLike = str | os.PathLike[str] | Fields | messages.Text
"""A text: its path below a data root, or `{"inline": "..."}`, `{"token_ids": [...]}`."""
BudgetLike = Fields | messages.Budget
"""A budget: `{"kind": "weight_bytes", "at_most": 1e8}`."""
ObjectiveLike = str | Fields | messages.Objective
"""An objective: a metric, or `{"metric": "accuracy", "limit": 0.4}`."""
RecipeLike = Fields | messages.Recipe
"""A recipe: `{"criterion": "wanda", "compensation": "least-squares", "calibration": "stories.json"}`."""
SpaceLike = Fields | messages.SearchSpaceSpec
"""A search space: `{"max_rate": 0.4, "tie_run": 2}`."""
WindowsLike = Fields | messages.WindowProtocol
"""How a text is cut: `{"window": 256, "bos": True}`."""
FidelityLike = Fields | messages.FidelitySpec
"""How well: `{"token_limit": 8192}`."""
ArchitectureLike = Architecture | Fields | Sequence[Any] | messages.Architecture
"""Kept counts: a result, or a list of `{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 172}`."""
TargetLike = str | float | Fields | messages.EvaluateTarget
"""What to measure: `"dense"`, a rate for all layers, `{"architecture": ...}`, `{"earlier_output": "winner"}`."""
