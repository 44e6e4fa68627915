from __future__ import annotations

import hashlib
import io
import json
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL_SEARCH, TEXT, WINDOWS, run_example

import prunecast
from prunecast import messages
from prunecast._deadline import Deadline
from prunecast._files import DownloadSource, download
from prunecast._transport import make_request

RECIPE = {"criterion": "magnitude", "compensation": "none"}


def test_shows_what_the_server_offers(client: prunecast.Client) -> None:
    predictors = {each.id: each for each in client.plugins("predictor")}
    assert {each.kind for each in predictors.values()} == {"predictor"}
    assert predictors["xgboost"].options_schema["properties"]["trees"]["type"] == "integer"
    assert client.server_info().api_version == "prunecast.v1"


def test_changes_how_much_the_server_logs(client: prunecast.Client) -> None:
    before = client.log_level()
    assert before.level == before.configured_level
    changed = client.set_log_level("error", seconds=3600)
    assert changed.level == client.log_level().level == "error"
    assert changed.fall_back_time is not None
    assert client.set_log_level() == before


def test_describes_a_model(client: prunecast.Client) -> None:
    model = client.inspect("stories260k", space={"kinds": ["ffn_channels"]})
    assert model.parameters == 260_032
    assert model.dimensions[0].name == "layers.0.ffn_channels"
    assert [layer.ffn_channels for layer in model.architecture.layers] == [172] * 5
    graph = {row.uniform: row.loads_in for row in model.loads if (row.compensation, row.exporter) == ("mean", "onnx")}
    assert graph == {True: ("ONNX Runtime", "transformers.js"), False: ("ONNX Runtime", "transformers.js")}


def test_scores_units_layer_by_layer(client: prunecast.Client) -> None:
    layers = list(client.score_units("stories260k", {"criterion": "magnitude"}))
    assert [(each.layer, len(each.ffn_channels), len(each.query_heads)) for each in layers] == [
        (layer, 172, 8) for layer in range(5)
    ]
    assert min(layers[0].ffn_channels) > 0


def test_evaluates_targets_in_their_order_and_takes_a_result_as_a_target(client: prunecast.Client) -> None:
    common = {"text": TEXT, "windows": WINDOWS, "fidelity": {"token_limit": 256}, "recipe": RECIPE}
    dense, rate = client.evaluate("stories260k", ["dense", 0.25], **common)
    (again,) = client.evaluate("stories260k", [{"architecture": rate.architecture}], **common)
    assert dense.recipe_digest is None
    assert dense.metrics["perplexity"] < rate.metrics["perplexity"]
    assert rate.architecture.layers[0].ffn_channels == 129
    assert again.metrics == rate.metrics
    assert again.tokens_spent == 0


def test_prunes_to_a_share_of_the_parameters(client: prunecast.Client) -> None:
    request = messages.PruneRequest(model="stories260k", output="elsewhere")
    written = client.prune(request=request, output="pruned", removed_share=0.3, recipe=RECIPE)
    parameters = next(cost for cost in written.costs if cost.kind == "parameters")
    assert written.output == "pruned"
    assert 0.6 * 260_032 < parameters.value <= 0.7 * 260_032
    assert "config.json" in written.files


def test_plans_without_starting_anything(client: prunecast.Client) -> None:
    jobs = len(list(client.jobs()))
    plan = client.plan(
        messages.PruneRequest(model="stories260k", uniform_rate=0.5), recipe=RECIPE, exports=["hf", "gguf"]
    )
    assert plan.architectures[0].layers[4].ffn_channels == 86
    assert plan.loads_in == ("transformers", "vLLM", "llama.cpp")
    assert plan.notes == ()
    rows = [row for row in plan.loads if row.compensation == "none"]
    assert {row.exporter: (row.loads_in, row.note) for row in rows if row.options is None} == {
        "hf": (("transformers", "vLLM"), None),
        "gguf": (("llama.cpp",), None),
        "onnx": (("ONNX Runtime", "transformers.js"), None),
    }
    assert len(list(client.jobs())) == jobs


def test_searches_and_shows_what_it_measured(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    assert report.winner.parameters <= 0.8 * 260_032
    assert report.output == "winner"
    assert [control.name for control in report.controls] == ["uniform-paper"]
    study = client.study(report.study_id)
    assert (study.state, study.phase, study.report) == ("succeeded", "finished", report)
    finalists = client.trials(report.study_id, role="finalist")
    assert len(finalists) == 3
    assert {each.role for each in finalists} == {"finalist"}
    assert report.summary in (client.report(report.study_id, "markdown").document or "")


def test_puts_trials_and_pairs_into_data_frames(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    pytest.importorskip("pandas")
    trials = client.trials(report.study_id)
    frame = trials.to_pandas()
    assert len(frame) == len(trials)
    assert frame.loc[0, trials.dimensions[1]] == trials[0].rates[1]
    assert frame[frame.role == "finalist"].perplexity.notna().all()
    pairs = client.pairs(report.study_id)
    table = pairs.to_pandas()
    assert list(table.columns)[-len(pairs.dimensions) :] == list(pairs.dimensions)
    assert table["perplexity"].tolist() == [pair.metrics["perplexity"] for pair in pairs]


def test_says_what_to_install_where_pandas_is_absent(
    client: prunecast.Client, report: prunecast.SearchReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install 'prunecast"):
        client.trials(report.study_id).to_pandas()


def test_predicts_explains_and_refines(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    fitted = client.fit_predictor(study_id=report.study_id, predictor={"id": "ridge"}, seed=1)
    assert (fitted.backend, fitted.study_id) == ("ridge", report.study_id)
    pairs = client.pairs(report.study_id)
    prediction = client.predict(fitted.id, [pair.rates for pair in pairs])
    assert len(prediction["perplexity"].mean) == len(pairs)
    assert len(set(prediction["perplexity"].mean)) > 1
    finalists = client.trials(report.study_id, role="finalist")
    by_counts = client.predict(fitted.id, architectures=[each.architecture for each in finalists])
    assert by_counts.parameters == tuple(each.parameters for each in finalists)
    assert [each.dimension for each in client.explain(fitted.id, points=3)] == list(fitted.dimensions)
    assert len(client.propose_refinement(fitted.id, "stories260k")) == len(fitted.dimensions)
    client.delete_predictor(fitted.id)
    assert fitted.id not in {each.id for each in client.predictors()}


def test_predicts_the_rows_of_an_array(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    numpy = pytest.importorskip("numpy")
    rates = [pair.rates for pair in client.pairs(report.study_id)]
    assert report.predictor_id is not None
    assert client.predict(report.predictor_id, numpy.array(rates)) == client.predict(report.predictor_id, rates)


def test_labels_the_pairs_of_a_search_alone(client: prunecast.Client) -> None:
    search = make_request(
        "PruningService.Search",
        model="stories260k",
        budgets=[{"removed_share": 0.2}],
        texts=TEXT,
        windows=WINDOWS,
        recipes=[RECIPE],
        pairs={"count": 9, "rungs": [{"token_limit": 128}]},
    )
    sampled = client.sample_pairs(search)
    assert sampled.pairs == len(client.pairs(sampled.study_id)) == 9


def test_fits_a_predictor_to_the_pairs_that_it_exported(
    client: prunecast.Client, report: prunecast.SearchReport
) -> None:
    pairs = client.pairs(report.study_id)
    fitted = client.fit_predictor(pairs=pairs, predictor="ridge", seed=3)
    assert (fitted.pairs, fitted.dimensions) == (len(pairs), pairs.dimensions)
    del pairs[9:]
    assert client.fit_predictor(pairs=pairs, predictor="ridge", seed=3).pairs == 9


def test_says_in_short_what_a_field_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"^pairs cannot be \[0, 1, 2, .*\.\.\.\]: PairSet takes") as caught:
        make_request("PredictorService.FitPredictor", pairs=list(range(100_000)))
    assert len(str(caught.value)) < 200


def test_exports_pairs_that_it_imports_again(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    pairs = client.pairs(report.study_id)
    imported = client.import_pairs(pairs.shared, pairs)
    assert client.pairs(imported) == pairs
    client.delete_study(imported)
    assert imported not in {each.id for each in client.studies()}


def test_asks_a_study_about_another_budget(client: prunecast.Client, report: prunecast.SearchReport) -> None:
    (answer,) = client.query(report.study_id, removed_share=0.25)
    assert next(cost.value for cost in answer.costs if cost.kind == "parameters") <= 0.75 * 260_032
    assert answer.predictions[0].metric == "perplexity"


def test_attaches_to_a_job_by_its_request_id(client: prunecast.Client) -> None:
    events: list[messages.JobEvent] = []
    evaluate = {
        "model": "stories260k",
        "text": TEXT,
        "windows": WINDOWS,
        "fidelity": {"token_limit": 192},
        "request_id": "mine",
    }
    first = client.evaluate(**evaluate, on_event=events.append)
    assert client.evaluate(**evaluate) == first
    (job,) = (job for job in client.jobs(kind="evaluate") if job.request_id == "mine")
    assert client.result(job.id) == first
    assert events[-1].ended.state == messages.JOB_STATE_SUCCEEDED
    assert [event.sequence for event in client.watch(job.id, after_sequence=1)] == list(range(2, job.last_sequence + 1))


def test_lists_jobs_by_labels_and_models(client: prunecast.Client) -> None:
    measured = {"text": TEXT, "windows": WINDOWS, "fidelity": {"token_limit": 64}}
    client.evaluate("stories260k", **measured, labels={"team": "a"})
    (job,) = client.jobs(labels={"team": "a"})
    assert (job.kind, job.labels) == ("evaluate", {"team": "a"})
    assert [(each.model, each.parameters) for each in client.models()] == [("stories260k", 260_032)]


def test_sends_a_text_and_brings_an_output(
    client: prunecast.Client, report: prunecast.SearchReport, tmp_path: Path
) -> None:
    text = tmp_path / "story.txt"
    text.write_text("Once upon a time there was a little girl. " * 40)
    upload = client.upload(text)
    assert client.upload(text).path == upload.path
    assert [each.path for each in client.uploads()] == [upload.path]
    (measured,) = client.evaluate("stories260k", text=upload.path, windows=WINDOWS)
    assert measured.scored_tokens > 60
    client.delete_upload(upload.path)
    assert list(client.uploads()) == []

    (output,) = (each for each in client.outputs() if each.output == report.output)
    assert (output.study_id, output.parameters) == (report.study_id, report.winner.parameters)
    checks = list(client.verify("winner"))
    assert [(check.name, check.outcome) for check in checks] == [
        (name, "passed") for name in ("manifest", "files", "sizes", "weights", "logits")
    ]
    assert checks[-1].logits is not None and checks[-1].logits.agreements == checks[-1].logits.tokens
    client.download("winner", tmp_path / "winner")
    assert sum(path.stat().st_size for path in (tmp_path / "winner").iterdir()) == output.bytes
    with pytest.raises(FileExistsError):
        client.download("winner", tmp_path / "winner")
    with pytest.raises(prunecast.PrunecastError):
        client.download("absent", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_tells_what_an_output_costs_and_which_job_wrote_it(
    client: prunecast.Client, report: prunecast.SearchReport
) -> None:
    (output,) = (each for each in client.outputs() if each.output == report.output)
    costs = {cost.kind: cost for cost in output.costs}
    assert costs["parameters"].value == report.winner.parameters
    assert costs["weight_bytes"].dense_value == 4 * 260_032
    assert output.metrics["perplexity"] > 1
    assert output.architecture == report.winner.architecture
    assert output.job_id is not None
    job = client.job(output.job_id)
    assert (job.kind, job.study_id) == ("search", report.study_id)


def test_tells_the_request_and_the_result_of_a_job(client: prunecast.Client) -> None:
    full_width = {"name": "f32", "exporter": {"id": "gguf", "options": {"type": "f32"}}}
    client.prune(
        "stories260k",
        "told",
        uniform_rate=0.25,
        recipe=RECIPE,
        labels={"told": "yes"},
        exports=["hf", full_width],
    )
    (basic,) = client.jobs(labels={"told": "yes"})
    assert (basic.request, basic.result) == (None, None)
    (full,) = client.jobs(labels={"told": "yes"}, view="full")
    for job in (full, client.job(full.id)):
        assert isinstance(job.request, messages.PruneRequest)
        assert (job.request.uniform_rate, job.request.output) == (0.25, "told")
        assert isinstance(job.result, prunecast.PruneResult)
        assert job.result.output == "told"
        assert [(form.output, form.exporter) for form in job.result.exports] == [
            ("told/hf", "hf"),
            ("told/f32", "gguf"),
        ]
        assert "model.gguf" in job.result.exports[1].files
        assert [form.loads_in for form in job.result.exports] == [("transformers", "vLLM"), ("llama.cpp",)]
        assert job.result.notes == ()
    assert {(check.folder, check.outcome) for check in client.verify("told")} == {
        (None, "passed"),
        ("hf", "passed"),
        ("f32", "passed"),
    }


ROW = "Where is the bone?,arm,leg,head,foot,B\n"


def test_sends_a_folder_that_an_evaluator_reads(client: prunecast.Client, tmp_path: Path) -> None:
    for name, rows in {"dev/anatomy_dev.csv": 5, "test/anatomy_test.csv": 4, ".git/config": 1}.items():
        (tmp_path / "mmlu" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mmlu" / name).write_text(ROW * rows)
    upload = client.upload(tmp_path / "mmlu")
    assert (upload.folder, upload.files, upload.bytes) == (True, 2, 9 * len(ROW))
    assert upload.expire_time > upload.create_time
    assert client.upload(tmp_path / "mmlu").path == upload.path
    (measured,) = client.evaluate("stories260k", ["dense"], text=upload.path, evaluator="mmlu")
    assert measured.message.items == 4
    client.delete_upload(upload.path)
    (tmp_path / "mmlu" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="link"):
        client.upload(tmp_path / "mmlu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="0 files"):
        client.upload(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        client.upload(tmp_path / "absent")


def test_goes_on_with_a_download_that_broke_off(
    client: prunecast.Client, report: prunecast.SearchReport, tmp_path: Path
) -> None:
    whole = client.download("winner", tmp_path / "whole")
    assert (whole.folder, whole.kept_bytes) == (tmp_path / "whole", 0)
    partial = tmp_path / ".again.prunecast-partial"
    partial.mkdir()
    weights = (tmp_path / "whole" / "model.safetensors").read_bytes()
    (partial / "model.safetensors").write_bytes(weights[:-9])
    (partial / "config.json").write_text("another")
    (partial / "other.bin").write_text("of another output")
    again = client.download("winner", tmp_path / "again")
    assert (again.files, again.bytes, again.kept_bytes) == (whole.files, whole.bytes, len(weights) - 9)
    for path in whole.folder.iterdir():
        assert (again.folder / path.name).read_bytes() == path.read_bytes()
    assert len(list(again.folder.iterdir())) == whole.files
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "whole"]


FILES = {"a.bin": b"first file", "in/b.bin": b"the second", "empty.bin": b""}


class FakeCall:
    """A stream of a file in chunks of four bytes, which breaks after so many."""

    def __init__(self, name: str, data: bytes, offset: int, breaks_after: int | None, digest: str | None) -> None:
        ends = range(offset + 4, len(data) + 4, 4) if offset < len(data) else [len(data)]
        self._parts = [
            messages.DownloadOutputResponse(
                file=name,
                offset=max(offset, end - 4) if offset < len(data) else offset,
                chunk=data[max(offset, end - 4) : end],
                digest=(digest or hashlib.sha256(data).hexdigest()) if end >= len(data) else "",
            )
            for end in ends
        ]
        self._breaks_after = breaks_after

    def __next__(self) -> messages.DownloadOutputResponse:
        if self._breaks_after == 0:
            raise prunecast.PrunecastError("the connection broke", code="UNAVAILABLE")
        if self._breaks_after is not None:
            self._breaks_after -= 1
        if not self._parts:
            raise StopIteration
        return self._parts.pop(0)

    def cancel(self) -> None:
        pass


FAST = prunecast.Reattach(first_delay_seconds=0.001, give_up_after_seconds=0.05, give_up_start_after_seconds=0.05)


def serve_files(files: dict[str, bytes], breaks: list[int | None], digest: str | None = None) -> Any:
    """A source of files, the first streams of which break after so many chunks; and what was asked of it."""
    manifest = json.dumps({"files": {name: len(data) for name, data in files.items()}}).encode()
    asked: list[tuple[str, int]] = []

    def open_file(name: str, offset: int) -> FakeCall:
        asked.append((name, offset))
        breaks_after = breaks.pop(0) if name == "a.bin" and breaks else None
        data = manifest if name == "prunecast.json" else files[name]
        return FakeCall(name, data, offset, breaks_after, digest if name == "a.bin" else None)

    return DownloadSource(open_file, FAST, False, Deadline()), asked


def test_goes_on_where_a_connection_broke(tmp_path: Path) -> None:
    source, asked = serve_files(FILES, [1, 1])
    told: list[int] = []
    got = download(source, tmp_path / "to", lambda done, total: told.append(done))
    assert [offset for name, offset in asked if name == "a.bin"] == [0, 4, 8]
    assert {name: (got.folder / name).read_bytes() for name in FILES} == FILES
    assert told == sorted(told)
    assert told[-1] == got.bytes


def test_keeps_what_a_download_has_that_fails(tmp_path: Path) -> None:
    source, _ = serve_files(FILES, [2, *[0] * 1000])
    with pytest.raises(prunecast.PrunecastError, match="the connection broke"):
        download(source, tmp_path / "to", lambda done, total: None)
    assert [path.name for path in tmp_path.iterdir()] == [".to.prunecast-partial"]
    source, asked = serve_files(FILES, [])
    assert download(source, tmp_path / "to", lambda done, total: None).kept_bytes == 8
    assert [offset for name, offset in asked if name == "a.bin"] == [8]


def test_refuses_files_outside_of_the_folder_and_with_other_bytes(tmp_path: Path) -> None:
    for name in ("../a", "/a", "in/../../a"):
        source, _ = serve_files({name: b"1"}, [])
        with pytest.raises(prunecast.PrunecastError) as caught:
            download(source, tmp_path / "folder", lambda done, total: None)
        assert caught.value.code == "DATA_LOSS"
        assert list(tmp_path.iterdir()) == []
    source, _ = serve_files(FILES, [], digest="0" * 64)
    with pytest.raises(prunecast.PrunecastError, match=r"a\.bin did not come"):
        download(source, tmp_path / "folder", lambda done, total: None)
    assert not (tmp_path / "folder").exists()


def test_raises_what_the_server_says(client: prunecast.Client) -> None:
    with pytest.raises(prunecast.PrunecastError) as caught:
        client.inspect("absent")
    assert (caught.value.reason, caught.value.code) == ("MODEL_NOT_FOUND", "NOT_FOUND")
    assert caught.value.violations[0].field == "model"
    with pytest.raises(prunecast.PrunecastError) as caught:
        client.search(**{**SMALL_SEARCH, "removed_share": 0.99}, progress=False)
    assert caught.value.reason == "BUDGET_INFEASIBLE"
    assert caught.value.metadata["budget"] == "parameters"
    assert float(caught.value.metadata["nearest"]) > float(caught.value.metadata["limit"])


def test_raises_the_error_of_a_cancelled_job(client: prunecast.Client) -> None:
    def cancel(event: messages.JobEvent) -> None:
        if event.HasField("started"):
            client.cancel(event.job_id)

    with pytest.raises(prunecast.PrunecastError) as caught:
        client.search(**{**SMALL_SEARCH, "seed": 5}, on_event=cancel, progress=False)
    assert caught.value.code == "CANCELLED"
    assert next(client.jobs(kind="search")).state == "cancelled"


def test_leaves_the_job_running_when_interrupted(client: prunecast.Client) -> None:
    def interrupt(event: messages.JobEvent) -> None:
        if event.HasField("started"):
            raise KeyboardInterrupt

    printed = io.StringIO()
    with redirect_stderr(printed), pytest.raises(KeyboardInterrupt):
        client.search(**{**SMALL_SEARCH, "seed": 6}, on_event=interrupt, progress=False)
    job = next(client.jobs(kind="search"))
    assert f'client.result("{job.id}")' in printed.getvalue()
    assert isinstance(client.result(job.id), prunecast.SearchReport)


def test_shows_progress_as_a_bar_or_as_lines(client: prunecast.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    evaluate = {"model": "stories260k", "text": TEXT, "windows": WINDOWS, "progress": True}
    bar, lines = io.StringIO(), io.StringIO()
    with redirect_stderr(bar):
        client.evaluate(**evaluate, fidelity={"token_limit": 448})
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with redirect_stderr(lines):
        client.evaluate(**evaluate, fidelity={"token_limit": 512})
    assert "done: 100 %|" in bar.getvalue()
    assert "tokens" in lines.getvalue()
    assert "|" not in lines.getvalue()


def test_names_the_field_that_cannot_be_sent(client: prunecast.Client) -> None:
    with pytest.raises(ValueError, match=r"there is no field space\.kindz; SearchSpaceSpec has .*kinds"):
        client.inspect("stories260k", space={"kindz": []})
    with pytest.raises(ValueError, match=r"effort cannot be 'huge': allowed are .*quick.*thorough"):
        client.search("stories260k", effort="huge")
    with pytest.raises(ValueError, match="takes a PruneRequest, not a SearchRequest"):
        client.prune(request=messages.SearchRequest())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="different lengths"):
        client.predict("id", [[0.1], [0.1, 0.2]])


def test_puts_nothing_into_a_request_that_was_not_given() -> None:
    assert make_request("PruningService.Search", model="m", effort=None) == messages.SearchRequest(model="m")


def test_the_example_of_a_first_search_runs(server: prunecast.Server) -> None:
    report = run_example("first_search.py", server)["report"]
    assert report.output == "first-winner"
    assert report.pairs >= 24


def test_the_example_of_a_cheap_search_runs(server: prunecast.Server) -> None:
    pytest.importorskip("pandas")
    names = run_example("cheap_search.py", server)
    assert names["report"].winner.metrics["perplexity"] == names["trials"].query("role == 'winner'").perplexity.min()


def test_the_example_of_errors_runs(server: prunecast.Server, capsys: pytest.CaptureFixture[str]) -> None:
    run_example("handle_errors.py", server)
    assert capsys.readouterr().out == "the nearest budget that can be met is 65152 parameters\n"


def test_the_example_without_a_shared_disk_runs(
    server: prunecast.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in {"dev/anatomy_dev.csv": 5, "test/anatomy_test.csv": 2}.items():
        (tmp_path / "mmlu" / name).parent.mkdir(parents=True)
        (tmp_path / "mmlu" / name).write_text(ROW * rows)
    monkeypatch.chdir(tmp_path)
    names = run_example("without_shared_disk.py", server)
    assert 0 <= names["measured"][0].metrics["accuracy"] <= 1
    assert (tmp_path / "here/smaller/model.safetensors").stat().st_size > 0
    assert "smaller " in capsys.readouterr().out
