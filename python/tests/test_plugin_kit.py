"""The kit by the protocol alone, as any client of it sees it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from conftest import ROOT
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct

import prunecast
from prunecast import plugin
from prunecast._proto.grpc.health.v1 import health_pb2
from prunecast._proto.pool import pool
from prunecast._proto.prunecast.plugin.v1 import plugin_pb2 as p
from prunecast.errors import PrunecastError

numpy = pytest.importorskip("numpy")

PROGRAM = Path(__file__).parent / "plugins_of_all_kinds.py"


class Peer:
    """What Prunecast is to a plug-in process."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def call(self, service: str, method: str, request: Any) -> Any:
        """The answer, or the list of answers where they are streamed."""
        found: Any = pool.FindServiceByName(service).methods_by_name[method]
        takes = "stream" if found.client_streaming else "unary"
        gives = "stream" if found.server_streaming else "unary"
        answer = getattr(self._channel, f"{takes}_{gives}")(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )(iter(request) if found.client_streaming else request, timeout=60)
        return list(answer) if found.server_streaming else answer

    def close(self) -> None:
        self._channel.close()


class Launched:
    """A process as Prunecast launches it."""

    def __init__(self, address: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "python/src"),
                "PRUNECAST_PLUGIN_PROTOCOL": "1",
                "PRUNECAST_PLUGIN_ADDRESS": address,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.handshake = self.process.stdout.readline()
        self.peer = Peer(address)

    def end(self) -> int:
        """Ends its standard input, as the end of the server does."""
        self.peer.close()
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(20)


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    started = Launched(f"unix:{tmp_path_factory.mktemp('plugin') / 'plugin.sock'}")
    yield started
    started.end()


def fit(peer: Peer, options: dict[str, Any] | None = None) -> bytes:
    start = p.FitStart(id="nearest", seed=1, dimensions=["a", "b"], pairs=4)
    start.options.update({"neighbours": 1, **(options or {})})
    rates = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]], "<f4")
    targets = numpy.array([1, 2, 3, 4], "<f8")
    halves = (slice(0, 3), slice(3, 4))
    requests = [
        p.FitRequest(start=start),
        *(
            p.FitRequest(
                pairs=p.Pairs(
                    encodings=p.Encodings(rates=rates[half].tobytes(), dimensions=2), targets=targets[half].tobytes()
                )
            )
            for half in halves
        ),
    ]
    pieces: Iterable[Any] = peer.call("prunecast.plugin.v1.PredictorService", "Fit", requests)
    return b"".join(piece.state for piece in pieces)


def predict(peer: Peer, state_id: str) -> Any:
    rates = numpy.array([[0.1, 0.9], [0.9, 0.9]], "<f4").tobytes()
    request = p.PredictRequest(id="nearest", state_id=state_id, encodings=p.Encodings(rates=rates, dimensions=2))
    answer = peer.call("prunecast.plugin.v1.PredictorService", "Predict", request)
    return numpy.frombuffer(answer.means).tolist(), numpy.frombuffer(answer.deviations).tolist()


def test_shakes_hands_and_says_what_it_offers(launched: Launched) -> None:
    assert launched.handshake.startswith("prunecast-plugin/1 unix:/")
    health = launched.peer.call("grpc.health.v1.Health", "Check", health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    info = launched.peer.call("prunecast.plugin.v1.PluginService", "GetInfo", p.GetInfoRequest(protocol_version=1))
    assert (info.protocol_version, info.concurrent_calls) == (1, 1)
    nearest, stairs, first, walk = info.plugins
    assert [each.WhichOneof("kind") for each in info.plugins] == ["predictor", "evaluator", "criterion", "strategy"]
    assert nearest.options_schema["properties"]["neighbours"]["default"] == 3
    assert nearest.options_schema["properties"]["weights"]["enum"][1] == "distance"
    assert (nearest.summary, nearest.version, nearest.predictor.least_pairs) == (
        "The mean of the nearest pairs.",
        "2",
        3,
    )
    assert nearest.predictor.quick_options["neighbours"] == 1
    assert (stairs.evaluator.metrics[0].better, stairs.evaluator.metrics[0].mean.per) == (p.BETTER_HIGHER, "count")
    assert first.criterion.needs_calibration
    assert (walk.strategy.samples_per_ask, walk.strategy.many_objectives) == (5, False)


def test_fits_predicts_and_brings_a_state_back_in_another_process(launched: Launched, tmp_path: Path) -> None:
    state = fit(launched.peer)
    state_id = hashlib.sha256(state).hexdigest()
    expected = ([2.0, 4.0], [0.5, 0.5])
    assert predict(launched.peer, state_id) == expected
    again = Launched(f"unix:{tmp_path / 'again.sock'}")
    with pytest.raises(grpc.RpcError) as caught:
        predict(again.peer, state_id)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    start = p.LoadStateStart(id="nearest", state_id=state_id, bytes=len(state))
    parts = [p.LoadStateRequest(state=state[:7]), p.LoadStateRequest(state=state[7:])]
    again.peer.call("prunecast.plugin.v1.PredictorService", "LoadState", [p.LoadStateRequest(start=start), *parts])
    assert predict(again.peer, state_id) == expected
    assert again.end() == 0


def test_refuses_options_with_their_paths_and_says_what_went_wrong(launched: Launched) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        fit(launched.peer, {"neighbours": 9})
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    error = PrunecastError.of_call(caught.value)
    assert [(each.field, each.description) for each in error.violations] == [("neighbours", "there are 4 pairs")]
    with pytest.raises(grpc.RpcError) as caught:
        fit(launched.peer, {"weights": "broken"})
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert caught.value.details() == "ZeroDivisionError: division by zero"
    with pytest.raises(grpc.RpcError) as caught:
        fit(launched.peer, {"weights": "busy"})
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_measures_a_candidate(launched: Launched, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    layers = [p.LayerShape(kv_heads=2, query_heads_per_kv=2, ffn_channels=10), p.LayerShape(ffn_channels=20)]
    request = p.EvaluateRequest(id="stairs", checkpoint_folder=str(tmp_path), layers=layers)
    measured = launched.peer.call("prunecast.plugin.v1.EvaluatorService", "Evaluate", request)
    assert dict(measured.metrics) == {"stairs": 15.0}
    columns = {each.name: numpy.frombuffer(each.values).tolist() for each in measured.items}
    assert columns == {"channels": [10.0, 20.0], "count": [1.0, 1.0]}


def test_scores_each_group_with_the_calibration_text(launched: Launched, tmp_path: Path) -> None:
    groups = [p.UnitGroup(layer=3, kind=p.UNIT_KIND_FFN_CHANNEL, units=4)]
    start = p.ScoreStart(id="first-token", checkpoint_folder=str(tmp_path), groups=groups, sequences=3)
    texts = [([5, 6, 7, 8], [1, 3]), ([9], [1])]
    calibration = [p.Sequences(tokens=numpy.array(ids, "<i4").tobytes(), lengths=lengths) for ids, lengths in texts]
    requests = [p.ScoreRequest(start=start), *(p.ScoreRequest(calibration=each) for each in calibration)]
    (scored,) = launched.peer.call("prunecast.plugin.v1.CriterionService", "Score", requests)
    assert (scored.layer, scored.kind) == (3, p.UNIT_KIND_FFN_CHANNEL)
    assert numpy.frombuffer(scored.scores, "<f4").tolist() == [20.0, 21.0, 22.0, 23.0]


def test_runs_a_search(launched: Launched) -> None:
    dimensions = [p.SearchDimension(name="a", kind="ffn_channels", size=9, counts=range(1, 10))]
    start = p.RunStart(id="walk", dimensions=dimensions, candidates=6, objectives=1, seed=1)

    def points(*counts: int) -> p.Points:
        return p.Points(counts=numpy.array(counts, "<i4").tobytes())

    told = p.ObjectivePrediction(means=numpy.array([3.0, 1.0, 2.0]).tobytes())
    requests = [
        p.RunRequest(start=start),
        p.RunRequest(evaluated=p.EvaluatedPoints(points=points(5), values=numpy.array([9.0]).tobytes())),
        p.RunRequest(ask=p.Ask(samples=points(4, 5, 6)), question=1),
        p.RunRequest(tell=p.Tell(points=points(4, 5, 6), objectives=[told])),
        p.RunRequest(ask=p.Ask(samples=points(7)), question=2),
        p.RunRequest(best=p.Best(count=2), question=3),
    ]
    answers = launched.peer.call("prunecast.plugin.v1.StrategyService", "Run", requests)
    assert [numpy.frombuffer(each.points.counts, "<i4").tolist() for each in answers] == [[4, 5, 6], [], [6, 4]]
    assert [each.question for each in answers] == [1, 2, 3]


def test_ends_when_asked_even_while_it_works(tmp_path: Path) -> None:
    started = Launched(f"unix:{tmp_path / 'plugin.sock'}")
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(20) == 0
    busy = Launched(f"unix:{tmp_path / 'busy.sock'}")
    requests = [p.FitRequest(start=p.FitStart(id="nearest"))]
    requests[0].start.options.update({"weights": "endless"})
    method: Any = busy.peer._channel.stream_stream(
        "/prunecast.plugin.v1.PredictorService/Fit",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=p.FitResponse.FromString,
    )
    one = p.Pairs(encodings=p.Encodings(rates=bytes(4), dimensions=1), targets=bytes(8))
    running = method(iter([*requests, p.FitRequest(pairs=one)]))
    assert busy.process.stdout is not None
    assert busy.process.stdout.readline() == "working\n"
    health = busy.peer.call("grpc.health.v1.Health", "Check", health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert running.is_active()
    assert busy.end() == 0


def test_says_what_is_wrong_before_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path.insert(0, str(PROGRAM.parent))
    from plugins_of_all_kinds import Nearest

    with pytest.raises(ValueError, match="nothing says where to listen"):
        prunecast.serve(Nearest())
    with pytest.raises(ValueError, match="would unpickle what callers at 0.0.0.0:50061 send"):
        prunecast.serve(Nearest(), address="0.0.0.0:50061")
    with pytest.raises(ValueError, match="an id of its own"):
        prunecast.serve(Nearest(), Nearest(), address="unix:/tmp/nobody.sock")
    monkeypatch.setenv("PRUNECAST_PLUGIN_PROTOCOL", "2")
    with pytest.raises(ValueError, match="speaks version 2 of the plug-in protocol, this kit version 1"):
        prunecast.serve(Nearest(), address="unix:/tmp/nobody.sock")


class Constant(plugin.Predictor):
    id = "constant"

    def fit(self, problem: plugin.FitProblem, options: Any) -> Any:
        return 1.0

    def predict(self, model: Any, rates: Any) -> Any:
        return numpy.full(len(rates), model)


class Unmeasured(plugin.Evaluator):
    id = "unmeasured"

    def evaluate(self, candidate: plugin.Candidate, options: Any) -> plugin.Measured:
        return plugin.Measured({})


def variant(**members: Any) -> Any:
    """A predictor with some members of its own."""
    return type("Variant", (Constant,), members)()


class Bare:
    trees: int = 5


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (Constant, r"is no plug-in, .*: write Constant\(\)$"),
        (print, r"<built-in function print> is no plug-in, but plug-ins are instances of classes of prunecast.plugin$"),
        (variant(id=None), r'^Variant has no id: give it one, such as id = "nearest-pairs"$'),
        (
            variant(id="My Predictor"),
            r"^the id of Variant is 'My Predictor': ids are kebab-case, such as nearest-pairs",
        ),
        (variant(id="a" * 129), r"with at most 128 characters$"),
        (variant(version=2), r'^the version of Variant is 2: it is a text, such as "2"$'),
        (variant(Options=Bare), r"^Options is .*Bare.*: make it a dataclass by @dataclass, or a model of pydantic$"),
        (Unmeasured(), r'^Unmeasured has no metrics: say what it measures, \[Metric\("solved", "higher"\)\]$'),
    ],
)
def test_refuses_what_no_server_would_take_as_a_plug_in(served: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        prunecast.serve(served, address="127.0.0.1:0")


def test_does_not_go_without_tls_where_half_of_it_was_given() -> None:
    for half in ({"certificate": "host.pem"}, {"key": "host.key"}):
        with pytest.raises(ValueError, match="TLS needs both a certificate and its key"):
            prunecast.serve(Constant(), address="127.0.0.1:0", **half)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="concurrent_calls is 0: it is at least 1"):
        prunecast.serve(Constant(), address="127.0.0.1:0", concurrent_calls=0)


@dataclass
class Mixed:
    folds: int
    power: Literal[1, 2, True, "auto"] = plugin.option(2, "Which one.")
    share: float = plugin.option(0.5, "How much.")


def test_says_which_options_must_be_given_and_reads_numbers_as_the_types_say() -> None:
    given = variant(Options=Mixed)
    schema = MessageToDict(given.describe().options_schema)
    assert schema["required"] == ["folds"]
    assert schema["properties"]["folds"] == {"type": "integer"}
    assert schema["properties"]["power"]["default"] == 2
    sent = Struct()
    for power, kind in ((1, int), (2, int), (True, bool), ("auto", str)):
        sent.update({"folds": 3, "power": power, "share": 1})
        options = given.read_options(sent)
        assert (options.folds, options.power, options.share) == (3, power, 1)
        assert (type(options.folds), type(options.power), type(options.share)) == (int, kind, float)
    with pytest.raises(plugin.InvalidOptions, match="folds"):
        given.read_options(Struct())


def test_a_plugin_without_a_version_has_the_digest_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "edited_plugin.py"
    source = (ROOT / "python/examples/boosted_predictor.py").read_bytes()
    file.write_bytes(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    edited = __import__("edited_plugin")
    assert edited.Boosting().describe().version == f"sha256-{hashlib.sha256(source).hexdigest()[:16]}"
    namespace: dict[str, Any] = {"__name__": "typed"}
    exec(
        "from prunecast.plugin import Predictor\nclass Typed(Predictor):\n  id = 'typed'\n  fit = predict = None\n",
        namespace,
    )
    assert namespace["Typed"]().describe().version == "1"
