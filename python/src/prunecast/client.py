"""The client."""

from __future__ import annotations

import os
import sys
import uuid
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

from google.protobuf.message import Message

from prunecast import messages, results
from prunecast._access import Access, Pem
from prunecast._deadline import Deadline
from prunecast._decode import decode
from prunecast._files import DownloadSource, download, read_upload
from prunecast._follow import Reattach, Source, follow_events
from prunecast._progress import Transfer, open_progress
from prunecast._retry import Retry
from prunecast._transport import Transport, make_request
from prunecast._types import (
    ArchitectureLike,
    BudgetLike,
    ExportLike,
    FidelityLike,
    Fields,
    ObjectiveLike,
    PluginLike,
    RecipeLike,
    SpaceLike,
    TargetLike,
    TextLike,
    WindowsLike,
)
from prunecast.errors import PrunecastError

OnEvent = Callable[[messages.JobEvent], None]
JobResult = (
    results.SearchReport | list[results.Evaluation] | results.PruneResult | results.SampledPairs | results.Predictor
)


@dataclass(frozen=True)
class LayerScores:
    """The scores of one layer; units with higher scores are kept. Errors are empty if the compensation knows none."""

    layer: int
    ffn_channels: array[float]
    query_heads: array[float]
    kv_groups: array[float]
    recipe_digest: str
    ffn_errors: array[float]
    attention_errors: array[float]


class Client:
    """A connection to one server; a context manager. Connects with the first call. All methods raise PrunecastError.

    Arguments are fields of the requests in the protos, and the client has no defaults of its own: what is left out, the
    server decides. `request=` takes a whole message of `prunecast.messages`, and arguments beside it are set over it.

    The calls that wait for a job follow it across lost connections and restarts of the server. Ctrl-C leaves the job
    running, and says how to go on. Other calls are made again as `retry` says, where that is safe.

    `address` is `host:port` or `unix:/path/of.sock`. PEM files are given as paths, or as their bytes.

    - `tls=True` encrypts, and checks the server's certificate with the authorities of the system; `authorities` checks
      it with those of a PEM file. `server_name` is the name in the certificate, if it is not the host of the address.
    - `certificate` and `key` are those of this client, for a server that asks for them.
    - `token` is sent with each call as `authorization: Bearer`; `token_file` has it, and is read again for each call.
      Without TLS it is for this machine alone, unless `insecure=True` says that nobody else can read on the way.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: bool | None = None,
        authorities: Pem | None = None,
        certificate: Pem | None = None,
        key: Pem | None = None,
        server_name: str | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        insecure: bool = False,
        retry: Retry | None = None,
        reattach: Reattach | None = None,
    ) -> None:
        self.address = address
        access = Access(address, tls, authorities, certificate, key, server_name, token, token_file, insecure=insecure)
        self._transport = Transport(access, retry or Retry())
        self._reattach = reattach or Reattach()
        self._timeout_seconds: float | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and no job."""
        self._transport.close()

    def within(self, seconds: float) -> Client:
        """This client, on the same connection, with a deadline for each of its calls: `client.within(5).inspect("m")`.
        It holds for all tries and waits of a call together, and one that takes longer raises DEADLINE_EXCEEDED. A job
        that is waited for goes on."""
        limited = copy(self)
        limited._timeout_seconds = seconds
        return limited

    def call(
        self, method: str, request: Message | None = None, timeout_seconds: float | None = None, **fields: Any
    ) -> Any:
        """Any unary method as the proto has it: `client.call("JobService.GetJob", job_id="...")`. Its answer is a
        message."""
        deadline = self._deadline() if timeout_seconds is None else Deadline(timeout_seconds)
        return self._transport.call(method, make_request(method, request, **fields), deadline)

    def _deadline(self) -> Deadline:
        return Deadline(self._timeout_seconds)

    # What the server offers

    def server_info(self) -> results.ServerInfo:
        """Versions and limits."""
        return decode(results.ServerInfo, self.call("CatalogService.GetServerInfo"))

    def plugins(self, kind: str | None = None) -> list[results.Plugin]:
        """The plug-ins of one kind (`predictor`), or all."""
        return [decode(results.Plugin, each) for each in self.call("CatalogService.ListPlugins", kind=kind).plugins]

    def log_level(self) -> results.LogState:
        """How much the server logs."""
        return decode(results.LogState, self.call("AdminService.GetLogLevel").log)

    def set_log_level(self, level: str | None = None, *, seconds: float | None = None) -> results.LogState:
        """Has the server log from `debug` on, or from another level; for so long, or until it ends. None: the level
        that it was started with."""
        return decode(results.LogState, self.call("AdminService.SetLogLevel", level=level, seconds=seconds).log)

    def models(self, folder: str | None = None) -> Iterator[results.ModelSummary]:
        """The checkpoints under the model roots, or in a folder of them."""
        for each in self._pages("ModelService.ListModels", "models", folder=folder):
            yield decode(results.ModelSummary, each)

    def inspect(self, model: str, *, space: SpaceLike | None = None) -> results.Model:
        """Sizes, prunable dimensions, and what will load."""
        return decode(results.Model, self.call("ModelService.InspectModel", model=model, space=space))

    def score_units(self, model: str, recipe: RecipeLike | None = None) -> Iterator[LayerScores]:
        """The scores of a criterion, layer by layer."""
        for each in self._stream(
            "ModelService.ScoreUnits", make_request("ModelService.ScoreUnits", model=model, recipe=recipe)
        ):
            yield LayerScores(
                each.layer,
                _floats(each.ffn_channels),
                _floats(each.query_heads),
                _floats(each.kv_groups),
                each.recipe_digest,
                _floats(each.ffn_errors),
                _floats(each.attention_errors),
            )

    # The verbs

    def prune(
        self,
        model: str | None = None,
        output: str | None = None,
        *,
        request: messages.PruneRequest | None = None,
        removed_share: float | None = None,
        budgets: Sequence[BudgetLike] | None = None,
        uniform_rate: float | None = None,
        dimension_rates: Sequence[float] | None = None,
        architecture: ArchitectureLike | None = None,
        kept_units: messages.KeptUnits | None = None,
        manifest: Fields | None = None,
        earlier_output: str | None = None,
        recipe: RecipeLike | None = None,
        space: SpaceLike | None = None,
        exporter: PluginLike | None = None,
        exports: Sequence[ExportLike] | None = None,
        recovery: Fields | None = None,
        overwrite: bool | None = None,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        progress: bool | None = None,
        on_event: OnEvent | None = None,
    ) -> results.PruneResult:
        """Writes a pruned checkpoint, and waits for it. `removed_share` is a budget of parameters: 0.2 is 20 % less.

        `exports` writes several forms, each to a folder of its own: `["hf", {"name": "q8", "exporter": {"id": "gguf",
        "options": {"type": "q8_0"}}}]`.
        """
        made = make_request(
            "PruningService.Prune",
            request,
            model=model,
            output=output,
            budgets=_join_budgets(removed_share, budgets),
            uniform_rate=uniform_rate,
            dimension_rates=dimension_rates,
            architecture=architecture,
            kept_units=kept_units,
            manifest=manifest,
            earlier_output=earlier_output,
            recipe=recipe,
            space=space,
            exporter=exporter,
            exports=exports,
            recovery=recovery,
            overwrite=overwrite,
            request_id=request_id,
            labels=labels,
        )
        written: results.PruneResult = self._run("prune", "PruningService.Prune", made, progress, on_event)
        return written

    def evaluate(
        self,
        model: str | None = None,
        targets: Sequence[TargetLike] | None = None,
        *,
        request: messages.EvaluateRequest | None = None,
        text: TextLike | None = None,
        evaluator: PluginLike | None = None,
        windows: WindowsLike | None = None,
        fidelity: FidelityLike | None = None,
        further_measurements: Sequence[Fields | messages.MeasurementSpec] | None = None,
        recipe: RecipeLike | None = None,
        space: SpaceLike | None = None,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        progress: bool | None = None,
        on_event: OnEvent | None = None,
    ) -> list[results.Evaluation]:
        """Measures architectures, and waits for all results, in the order of the targets."""
        made = make_request(
            "PruningService.Evaluate",
            request,
            model=model,
            targets=targets,
            measurement=_leave_out({"text": text, "evaluator": evaluator, "windows": windows}),
            fidelity=fidelity,
            further_measurements=further_measurements,
            recipe=recipe,
            space=space,
            request_id=request_id,
            labels=labels,
        )
        found: list[results.Evaluation] = self._run("evaluate", "PruningService.Evaluate", made, progress, on_event)
        return found

    def search(
        self,
        model: str | None = None,
        *,
        request: messages.SearchRequest | None = None,
        removed_share: float | None = None,
        budgets: Sequence[BudgetLike] | None = None,
        text: TextLike | None = None,
        texts: Fields | messages.StudyTexts | None = None,
        output: str | None = None,
        overwrite: bool | None = None,
        effort: str | None = None,
        preset: str | None = None,
        objectives: Sequence[ObjectiveLike] | None = None,
        evaluator: PluginLike | None = None,
        windows: WindowsLike | None = None,
        further_measurements: Sequence[Fields | messages.StudyMeasurement] | None = None,
        recipes: Sequence[RecipeLike] | None = None,
        space: SpaceLike | None = None,
        pairs: Fields | messages.PairPlan | None = None,
        predictor: PluginLike | None = None,
        strategy: PluginLike | None = None,
        candidates: int | None = None,
        rounds: int | None = None,
        verify: Fields | messages.VerifyPlan | None = None,
        report: FidelityLike | None = None,
        refine: Fields | messages.RefinePlan | None = None,
        controls: Sequence[str] | None = None,
        exporter: PluginLike | None = None,
        exports: Sequence[ExportLike] | None = None,
        recovery: Fields | messages.RecoverySpec | None = None,
        pause_before: Sequence[str] | None = None,
        seed: int | None = None,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        progress: bool | None = None,
        on_event: OnEvent | None = None,
    ) -> results.SearchReport:
        """Finds the best architecture within the budgets, and waits for the report.

        `text` is for the parts of the study that `texts` does not name, `removed_share` a budget of parameters: 0.2 is
        20 % less. The same `request_id` with the same request attaches to its job.
        """
        made = make_request(
            "PruningService.Search",
            request,
            model=model,
            budgets=_join_budgets(removed_share, budgets),
            texts=texts,
            output=output,
            overwrite=overwrite,
            effort=effort,
            preset=preset,
            objectives=objectives,
            evaluator=evaluator,
            windows=windows,
            further_measurements=further_measurements,
            recipes=recipes,
            space=space,
            pairs=pairs,
            predictor=predictor,
            strategy=strategy,
            candidates=candidates,
            rounds=rounds,
            verify=verify,
            report=report,
            refine=refine,
            controls=controls,
            exporter=exporter,
            exports=exports,
            recovery=recovery,
            pause_before=pause_before,
            seed=seed,
            request_id=request_id,
            labels=labels,
        )
        if text is not None:
            made = make_request("PruningService.Search", made, texts={"text": text})
        found: results.SearchReport = self._run("search", "PruningService.Search", made, progress, on_event)
        return found

    def plan(
        self, request: messages.PruneRequest | messages.EvaluateRequest | messages.SearchRequest, **fields: Any
    ) -> results.Plan:
        """What the job of a request would do. Starts nothing; arguments are the request's own fields."""
        verb = request.DESCRIPTOR.name.removesuffix("Request")
        return decode(results.Plan, self.call(f"PruningService.Plan{verb}", request, **fields).plan)

    def predict(
        self,
        predictor_id: str,
        rates: Iterable[Iterable[float]] | None = None,
        *,
        architectures: Sequence[ArchitectureLike] | None = None,
        recipe_digest: str | None = None,
    ) -> results.Prediction:
        """What a predictor says of architectures: of `rates`, with a row for each and a column for each dimension that
        the predictor names, as lists or an array of numpy; or of the kept counts of `architectures`."""
        answer = self.call(
            "PruningService.Predict",
            predictor_id=predictor_id,
            encodings=None if rates is None else _encode(rates),
            architectures=architectures,
            recipe_digest=recipe_digest,
        )
        return decode(results.Prediction, answer)

    # Pairs and predictors

    def sample_pairs(
        self,
        search: messages.SearchRequest | Fields,
        *,
        progress: bool | None = None,
        on_event: OnEvent | None = None,
    ) -> results.SampledPairs:
        """Labels the pairs that a search would, and waits for them."""
        made = make_request("PairService.SamplePairs", search=search)
        made.search.request_id = made.search.request_id or str(uuid.uuid4())
        sampled: results.SampledPairs = self._run_named(
            "sample_pairs", "PairService.SamplePairs", made, progress, on_event
        )
        return sampled

    def import_pairs(
        self, shared: messages.PairSet | Fields, pairs: Iterable[results.Pair | messages.Pair | Fields]
    ) -> str:
        """Takes pairs that were labelled elsewhere; the id of the study that now holds them."""

        def contents() -> Iterator[Message]:
            yield make_request("PairService.ImportPairs", set=shared)
            for pair in pairs:
                yield make_request("PairService.ImportPairs", pair=pair)

        study_id: str = self._transport.call("PairService.ImportPairs", contents(), self._deadline()).study_id
        return study_id

    def pairs(self, study_id: str) -> results.Pairs:
        """The pairs of a study."""
        shared = messages.PairSet()
        pairs: list[results.Pair] = []
        for each in self._stream("PairService.ExportPairs", make_request("PairService.ExportPairs", study_id=study_id)):
            if each.HasField("set"):
                shared = each.set
            else:
                pairs.append(decode(results.Pair, each.pair))
        return results.Pairs(pairs, shared)

    def fit_predictor(
        self,
        *,
        request: messages.FitPredictorRequest | None = None,
        study_id: str | None = None,
        pairs: results.Pairs | messages.PairSet | Fields | None = None,
        predictor: PluginLike | None = None,
        metrics: Sequence[str] | None = None,
        features: str | None = None,
        learning_curve: bool | None = None,
        seed: int | None = None,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        progress: bool | None = None,
        on_event: OnEvent | None = None,
    ) -> results.Predictor:
        """Fits a predictor to the pairs of a study, or to those that are sent, and waits for it."""
        made = make_request(
            "PredictorService.FitPredictor",
            request,
            study_id=study_id,
            pairs=pairs,
            predictor=predictor,
            metrics=metrics,
            features=features,
            learning_curve=learning_curve,
            seed=seed,
            request_id=request_id,
            labels=labels,
        )
        made.request_id = made.request_id or str(uuid.uuid4())
        fitted: results.Predictor = self._run_named(
            "predictor", "PredictorService.FitPredictor", made, progress, on_event
        )
        return fitted

    def predictor(self, predictor_id: str) -> results.Predictor:
        """One predictor."""
        answer = self.call("PredictorService.GetPredictor", predictor_id=predictor_id)
        return decode(results.Predictor, answer.predictor)

    def predictors(self, study_id: str | None = None) -> Iterator[results.Predictor]:
        """Predictors, newest first: those of a study, or all."""
        for each in self._pages("PredictorService.ListPredictors", "predictors", study_id=study_id):
            yield decode(results.Predictor, each)

    def delete_predictor(self, predictor_id: str) -> None:
        """Deletes a predictor."""
        self.call("PredictorService.DeletePredictor", predictor_id=predictor_id)

    def explain(
        self, predictor_id: str, *, points: int | None = None, metric: str | None = None
    ) -> list[results.DimensionEffect]:
        """Importances and effect curves, in the order of the dimensions."""
        answer = self.call("PredictorService.ExplainPredictor", predictor_id=predictor_id, points=points, metric=metric)
        return [decode(results.DimensionEffect, each) for each in answer.dimensions]

    def propose_refinement(
        self,
        predictor_id: str,
        model: str,
        *,
        space: SpaceLike | None = None,
        refine: Fields | messages.RefinePlan | None = None,
        metric: str | None = None,
    ) -> list[results.RangeProposal]:
        """How a space would be refined: narrower and wider ranges."""
        answer = self.call(
            "PredictorService.ProposeRefinement",
            predictor_id=predictor_id,
            model=model,
            space=space,
            refine=refine,
            metric=metric,
        )
        return [decode(results.RangeProposal, each) for each in answer.ranges]

    # Jobs

    def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        labels: Mapping[str, str] | None = None,
        view: str | None = None,
    ) -> Iterator[results.Job]:
        """Jobs, newest first, of one kind, in one state, and with all of these labels; with `view="full"` also their
        requests and results."""
        for each in self._pages("JobService.ListJobs", "jobs", kind=kind, state=state, labels=labels, view=view):
            yield decode(results.Job, each)

    def job(self, job_id: str) -> results.Job:
        """One job, with its request and, if it has succeeded, its result."""
        return decode(results.Job, self.call("JobService.GetJob", job_id=job_id).job)

    def watch(self, job_id: str, after_sequence: int = 0) -> Iterator[messages.JobEvent]:
        """The events of a job after a number, until it ends, across lost connections; then the job's own error is
        raised if it failed or was cancelled."""
        return self._follow_job(job_id, after_sequence, self._deadline())

    def result(self, job_id: str, *, progress: bool | None = None, on_event: OnEvent | None = None) -> JobResult:
        """Waits for a job, whatever its kind, and returns what the call that started it would."""
        found: JobResult = self._take(None, self.watch(job_id), progress, on_event)
        return found

    def cancel(self, job_id: str) -> results.Job:
        """Ends a job; it keeps the labels that it has measured."""
        return decode(results.Job, self.call("JobService.CancelJob", job_id=job_id).job)

    def resume(self, job_id: str, ranges: Sequence[Fields | messages.DimensionRange] | None = None) -> results.Job:
        """Resumes a paused or interrupted job; `ranges` replace those that a study proposes before it refines."""
        return decode(results.Job, self.call("JobService.ResumeJob", job_id=job_id, ranges=ranges).job)

    def delete_job(self, job_id: str) -> None:
        """Deletes a job that has ended, and its events."""
        self.call("JobService.DeleteJob", job_id=job_id)

    # Studies

    def studies(self) -> Iterator[results.StudySummary]:
        """Studies, newest first."""
        for each in self._pages("StudyService.ListStudies", "studies"):
            yield decode(results.StudySummary, each)

    def study(self, study_id: str) -> results.Study:
        """One study."""
        return decode(results.Study, self.call("StudyService.GetStudy", study_id=study_id).study)

    def delete_study(self, study_id: str) -> None:
        """Deletes a study with its trials and pairs; its predictors, its output and all labels stay."""
        self.call("StudyService.DeleteStudy", study_id=study_id)

    def trials(self, study_id: str, *, role: str | None = None) -> results.Trials:
        """The architectures that were really evaluated, all or those of one role (`finalist`)."""
        trials = self._pages("StudyService.ListTrials", "trials", study_id=study_id, role=role)
        dimensions = [each.name for each in self.study(study_id).dimensions]
        return results.Trials((decode(results.Trial, each) for each in trials), dimensions)

    def query(
        self,
        study_id: str,
        *,
        removed_share: float | None = None,
        budgets: Sequence[BudgetLike] | None = None,
        objectives: Sequence[ObjectiveLike] | None = None,
        count: int | None = None,
        verify: bool | None = None,
    ) -> list[results.QueryAnswer]:
        """What a study's predictor says about another budget or objective, the best first."""
        answer = self.call(
            "StudyService.QueryStudy",
            study_id=study_id,
            budgets=_join_budgets(removed_share, budgets),
            objectives=objectives,
            count=count,
            verify=verify,
        )
        return [decode(results.QueryAnswer, each) for each in answer.answers]

    def report(self, study_id: str, format: str | None = None) -> results.Report:
        """The report of a study: as data, and as a document if `format` is `html` or `markdown`."""
        answer = self.call("StudyService.GetStudyReport", study_id=study_id, format=format)
        return results.Report(document=answer.document or None, overview=answer.overview)

    # Files, for callers that share no disk with the server

    def outputs(self, folder: str | None = None) -> Iterator[results.Output]:
        """The outputs under the output root, or in a folder of it."""
        for each in self._pages("FileService.ListOutputs", "outputs", folder=folder):
            yield decode(results.Output, each)

    def download(
        self, output: str, folder: str | os.PathLike[str], *, progress: bool | None = None
    ) -> results.Downloaded:
        """Brings an output into a folder that does not exist yet, across lost connections: whole, or not at all. A
        download that fails is gone on with by the next one into the same folder."""
        method, deadline = "FileService.DownloadOutput", self._deadline()

        def open_file(file: str, offset: int) -> Any:
            request = make_request(method, output=output, file=file, offset=offset)
            return self._transport.stream(method, request, deadline)

        source = DownloadSource(open_file, self._reattach, self._transport.breaks_with_server, deadline)
        shown = Transfer(progress, "downloading")
        try:
            return download(source, Path(folder), shown.show)
        finally:
            shown.close()

    def verify(
        self, output: str, *, model: str | None = None, text: TextLike | None = None
    ) -> Iterator[results.OutputCheck]:
        """Checks of an output as they are done: whether it is what was written, and computes what its source does when
        it is pruned in the same way. `model` and `text` say where the source and the calibration text lie now."""
        method = "FileService.VerifyOutput"
        for each in self._stream(method, make_request(method, output=output, model=model, text=text)):
            if each.WhichOneof("event") == "check":
                yield decode(results.OutputCheck, each.check)

    def upload(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> results.Upload:
        """Stores a file, or a folder with all that is not hidden in it; requests name it by the `path` of what is
        returned. The same is stored once."""
        shown = Transfer(progress, "uploading")
        fields = read_upload(Path(path), shown.show)
        start = next(fields)  # here, since a fault in a stream of requests is told as one of the connection
        parts = (make_request("FileService.UploadFile", **part) for part in chain([start], fields))
        try:
            return decode(
                results.Upload, self._transport.call("FileService.UploadFile", parts, self._deadline()).upload
            )
        finally:
            shown.close()

    def uploads(self) -> Iterator[results.Upload]:
        """The uploaded files and folders."""
        for each in self._pages("FileService.ListUploads", "uploads"):
            yield decode(results.Upload, each)

    def delete_upload(self, path: str) -> None:
        """Deletes an uploaded file or folder."""
        self.call("FileService.DeleteUpload", path=path)

    # How jobs are followed

    def _run(self, wanted: str, method: str, request: Any, progress: bool | None, on_event: OnEvent | None) -> Any:
        # Named, so that a start can be repeated safely.
        request.request_id = request.request_id or str(uuid.uuid4())
        deadline = self._deadline()
        source = Source(
            self._watch_until(deadline),
            start=lambda: self._transport.stream(method, request, deadline),
            deadline=deadline,
        )
        return self._take(wanted, self._follow(source), progress, on_event)

    def _run_named(
        self, wanted: str, method: str, request: Message, progress: bool | None, on_event: OnEvent | None
    ) -> Any:
        """Starts a job by a call whose request has an id, so that it may be made again, and follows it."""
        deadline = self._deadline()
        job = self._transport.call(method, request, deadline, is_repeatable=True).job
        return self._take(wanted, self._follow_job(job.id, 0, deadline), progress, on_event)

    def _follow_job(self, job_id: str, after_sequence: int, deadline: Deadline) -> Iterator[messages.JobEvent]:
        source = Source(self._watch_until(deadline), job_id=job_id, after_sequence=after_sequence, deadline=deadline)
        return self._follow(source)

    def _watch_until(self, deadline: Deadline) -> Callable[[str, int], Any]:
        method = "JobService.WatchJob"

        def watch(job_id: str, after_sequence: int) -> Any:
            request = make_request(method, job_id=job_id, after_sequence=after_sequence)
            return self._transport.stream(method, request, deadline)

        return watch

    def _follow(self, source: Source) -> Iterator[messages.JobEvent]:
        return follow_events(source, self._reattach, breaks_with_server=self._transport.breaks_with_server)

    def _take(
        self,
        wanted: str | None,
        events: Iterator[messages.JobEvent],
        progress: bool | None,
        on_event: OnEvent | None,
    ) -> Any:
        """Reads a job to its end, and returns its result: of this kind, or of any."""
        evaluations: list[results.Evaluation] = []
        ended: messages.JobEnded | None = None
        job_id = ""
        shown = open_progress(progress)
        try:
            for event in events:
                job_id = event.job_id or job_id
                shown.show(event)
                if on_event is not None:
                    on_event(event)
                if event.HasField("evaluation"):
                    evaluations.append(decode(results.Evaluation, event.evaluation))
                if event.HasField("ended"):
                    ended = event.ended
        except KeyboardInterrupt:
            shown.close()
            print(_how_to_go_on(job_id), file=sys.stderr)
            raise
        finally:
            shown.close()
        case = ended.WhichOneof("result") if ended is not None else None
        if ended is None or case is None or wanted not in (case, None):
            raise PrunecastError(f"the job ended with {case or 'no result'} instead of {wanted}", code="INTERNAL")
        if case == "evaluate":
            return sorted(evaluations, key=lambda each: each.index)
        return decode(results.JOB_RESULTS[case], getattr(ended, case))

    def _stream(self, method: str, request: Message) -> Iterator[Any]:
        return self._transport.answers(method, request, self._deadline())

    def _pages(self, method: str, items: str, **fields: Any) -> Iterator[Any]:
        token, deadline = "", self._deadline()
        while True:
            page = self._transport.call(method, make_request(method, page_token=token, **fields), deadline)
            yield from getattr(page, items)
            token = page.next_page_token
            if not token:
                return


def _how_to_go_on(job_id: str) -> str:
    if job_id == "":
        return "interrupted before there was a job"
    return (
        f'interrupted: the job goes on at the server. client.result("{job_id}") waits for it, '
        f'client.cancel("{job_id}") ends it.'
    )


def _join_budgets(removed_share: float | None, budgets: Sequence[BudgetLike] | None) -> list[BudgetLike] | None:
    if removed_share is None and budgets is None:
        return None
    return [*([] if removed_share is None else [{"removed_share": removed_share}]), *(budgets or [])]


def _leave_out(fields: Mapping[str, Any]) -> Fields | None:
    """None if no field is given: an empty message differs from none."""
    return fields if any(value is not None for value in fields.values()) else None


def _encode(rates: Iterable[Iterable[float]]) -> Fields:
    """Rates as float32, little-endian, row by row."""
    rows = [array("f", row) for row in rates]
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ValueError(f"rates has rows of different lengths: {widths}")
    if sys.byteorder == "big":
        for row in rows:
            row.byteswap()
    return {"rates": b"".join(row.tobytes() for row in rows), "dimensions": widths[0] if widths else 0}


def _floats(data: bytes) -> array[float]:
    values = array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
