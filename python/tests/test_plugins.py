"""The examples of plug-ins, each in a process that the server starts, in a real search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SMALL_SEARCH, start

import prunecast

EXAMPLES = ROOT / "python/examples"
ALL_KINDS = Path(__file__).parent / "plugins_of_all_kinds.py"
GOOD_AND_BAD = Path(__file__).parent / "good_and_bad_predictors.py"


@contextmanager
def serving(folder: Path, *program: str | Path) -> Iterator[prunecast.Client]:
    """A client of a server that starts this program."""
    server = start(
        folder,
        plugins=[f"exec:{sys.executable} {' '.join(map(str, program))}"],
        environment={"PYTHONPATH": str(ROOT / "python/src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    with server, server.client() as client:
        yield client


def search(client: prunecast.Client, **changed: Any) -> prunecast.SearchReport:
    return client.search(**{**SMALL_SEARCH, **changed}, progress=False)


def test_gradient_boosting_of_scikit_learn_leads_a_search(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    with serving(tmp_path, EXAMPLES / "boosted_predictor.py") as client:
        report = search(client, predictor={"id": "sklearn-boosting", "options": {"trees": 60, "depth": 2}})
        assert report.winner.parameters <= 0.8 * 260_032
        assert report.predictor_id is not None
        assert client.predictor(report.predictor_id).backend == "sklearn-boosting"
        # Boosted trees know the pairs that they were fitted on.
        pairs = client.pairs(report.study_id)
        measured = [pair.metrics["perplexity"] for pair in pairs]
        fitted = client.fit_predictor(study_id=report.study_id, predictor="sklearn-boosting")
        prediction = client.predict(fitted.id, [pair.rates for pair in pairs])
        assert prediction["perplexity"].mean == pytest.approx(measured, rel=0.05)


def test_a_criterion_in_numpy_ranks_the_units_of_a_search(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    recipe = {"criterion": "largest-weight", "compensation": "none"}
    with serving(tmp_path, EXAMPLES / "largest_weight.py") as client:
        layers = list(client.score_units("stories260k", recipe))
        assert len({score for layer in layers for score in layer.ffn_channels}) > 100
        report = search(client, recipes=[recipe])
        assert report.message.recipes[0].criterion == "largest-weight"
        assert report.winner.metrics["perplexity"] > report.dense.metrics["perplexity"]


def test_transformers_measures_the_checkpoints_of_a_search(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    stories = str(ROOT / "models/stories260k/stories.json")
    changed: dict[str, Any] = {
        "evaluator": {"id": "story-words", "options": {"stories": stories, "count": 2}},
        "objectives": ["story_accuracy"],
        "pairs": {"count": 9},
        "verify": {"count": 2},
        "text": None,
        "windows": None,
        "report": None,
    }
    with serving(tmp_path, EXAMPLES / "story_words.py") as client:
        report = search(client, **changed)
    assert 0.2 < report.dense.metrics["story_accuracy"] < 0.9
    assert report.winner.metrics["story_accuracy"] != report.dense.metrics["story_accuracy"]


def test_a_strategy_proposes_what_a_search_verifies(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    with serving(tmp_path, ALL_KINDS, "walk") as client:
        report = search(client, strategy="walk")
        assert report.verified == len(client.trials(report.study_id, role="finalist")) == 3
        assert report.predicted <= 10


def test_a_strategy_that_starts_again_at_random_leads_a_search(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    with serving(tmp_path, EXAMPLES / "random_restarts.py") as client:
        strategy = {"id": "random-restarts", "options": {"neighbours": 10}}
        report = search(client, strategy=strategy, candidates=150)
        again = search(client, strategy=strategy, candidates=150, request_id="again")
        with pytest.raises(prunecast.PrunecastError) as caught:
            search(client, strategy={"id": "random-restarts", "options": {"neighbours": 0}})
    assert caught.value.violations[0].field == "strategy.options.neighbours"
    assert report.predicted == 150
    assert report.verified == 3
    assert report.winner.parameters <= 0.8 * 260_032
    assert report.winner.metrics["perplexity"] > report.dense.metrics["perplexity"]
    assert again.study_id != report.study_id
    assert again.message.winner.architecture == report.message.winner.architecture


def test_a_good_predictor_leads_a_search_by_auto_and_a_bad_one_does_not(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    trees = ["xgboost", "random-forest"]

    def choose(*own: str) -> tuple[str, dict[str, float]]:
        predictor = {"id": "auto", "options": {"among": [*trees, *own]}}
        pairs = {"count": 64, "rungs": [{"token_limit": 256}]}
        report = search(client, predictor=predictor, pairs=pairs, space={"protected_layers": {}})
        scores = {each.backend: each for each in report.message.predictor_scores}
        assert list(scores) == [*trees, *own]
        assert {(each.not_tried, each.quality.split) for each in scores.values()} == {("", "5-fold")}
        (chosen,) = (each.backend for each in scores.values() if each.chosen)
        assert report.predictor_id is not None
        assert client.predictor(report.predictor_id).backend == chosen
        return chosen, {name: each.quality.kendall_tau for name, each in scores.items()}

    with serving(tmp_path, GOOD_AND_BAD) as client:
        chosen, taus = choose("totals", "average")
        assert chosen == "totals"
        assert taus["totals"] > max(taus[tree] for tree in trees)
        assert taus["average"] < min(taus[tree] for tree in trees)
        chosen, taus = choose("average")
        assert chosen in trees
        assert taus["average"] < taus[chosen]


def test_options_are_checked_by_their_schema_and_by_the_plug_in(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    with serving(tmp_path, ALL_KINDS, "nearest") as client:
        (nearest,) = (each for each in client.plugins("predictor") if each.id == "nearest")
        assert nearest.options_schema["properties"]["neighbours"]["description"] == "How many."
        with pytest.raises(prunecast.PrunecastError) as caught:
            search(client, predictor={"id": "nearest", "options": {"neighbours": 0}})
        assert caught.value.reason == "INVALID_OPTIONS"
        assert caught.value.violations[0].field == "predictor.options.neighbours"
        report = search(client)
        with pytest.raises(prunecast.PrunecastError, match="too many neighbours"):
            options = {"neighbours": 900}
            client.fit_predictor(study_id=report.study_id, predictor={"id": "nearest", "options": options})
