package dev.prunecast.example;

import dev.prunecast.v1.Budget;
import dev.prunecast.v1.Calibration;
import dev.prunecast.v1.Effort;
import dev.prunecast.v1.EvaluateRequest;
import dev.prunecast.v1.EvaluateResponse;
import dev.prunecast.v1.FidelitySpec;
import dev.prunecast.v1.JobEvent;
import dev.prunecast.v1.JobServiceGrpc;
import dev.prunecast.v1.MeasurementSpec;
import dev.prunecast.v1.MetricPrediction;
import dev.prunecast.v1.PredictRequest;
import dev.prunecast.v1.PruneRequest;
import dev.prunecast.v1.PruneResponse;
import dev.prunecast.v1.PruningServiceGrpc;
import dev.prunecast.v1.Recipe;
import dev.prunecast.v1.SearchRequest;
import dev.prunecast.v1.SearchResponse;
import dev.prunecast.v1.StudyReport;
import dev.prunecast.v1.StudyTexts;
import dev.prunecast.v1.Text;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.UUID;

/** The four verbs on the demo model: a Search is followed across lost connections, and an error is read in full. */
public final class Main {
  private static final String MODEL = "stories260k";
  private static final Text TEXT = Text.newBuilder().setPath("stories260k/stories.json").build();

  private final PruningServiceGrpc.PruningServiceBlockingStub pruning;
  private final FollowJob followJob;

  private Main(ManagedChannel channel) {
    pruning = PruningServiceGrpc.newBlockingStub(channel);
    followJob = new FollowJob(JobServiceGrpc.newBlockingStub(channel));
  }

  public static void main(String[] args) throws IOException {
    String address = args.length > 0 ? args[0] : "127.0.0.1:50051";
    ManagedChannel channel = Connect.to(address);
    try {
      Main main = new Main(channel);
      main.evaluate();
      main.predict(main.search());
      main.prune();
      main.pruneTooMuch();
    } catch (StatusRuntimeException error) {
      PrintError.print(error);
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }

  /** Measures the unpruned model on 4,096 tokens. */
  private void evaluate() {
    EvaluateRequest request =
        EvaluateRequest.newBuilder()
            .setRequestId(newRequestId("evaluate"))
            .setModel(MODEL)
            .setMeasurement(MeasurementSpec.newBuilder().setText(TEXT))
            .setFidelity(FidelitySpec.newBuilder().setTokenLimit(4096))
            .build();
    followJob.toEnd(
        () -> pruning.evaluate(request),
        EvaluateResponse::getEvent,
        event -> {
          if (event.hasEvaluation()) {
            double perplexity = event.getEvaluation().getMetricsOrThrow("perplexity");
            System.out.printf("evaluate: the unpruned model has a perplexity of %.3f%n", perplexity);
          }
        });
  }

  /** Searches for the best model with a fifth fewer parameters. */
  private StudyReport search() {
    SearchRequest request =
        SearchRequest.newBuilder()
            .setRequestId(newRequestId("search"))
            .setModel(MODEL)
            .setTexts(StudyTexts.newBuilder().setText(TEXT))
            .addBudgets(Budget.newBuilder().setRemovedShare(0.2))
            .setEffort(Effort.EFFORT_QUICK)
            .setOutput("java-winner")
            .setOverwrite(true)
            .build();
    return followJob.toEnd(() -> pruning.search(request), SearchResponse::getEvent, Main::printEvent).getSearch();
  }

  private static void printEvent(JobEvent event) {
    String what =
        switch (event.getPayloadCase()) {
          case PROGRESS ->
              "%s %d/%d"
                  .formatted(
                      event.getProgress().getActivity(), event.getProgress().getDone(), event.getProgress().getTotal());
          case ENDED -> "ended: " + event.getEnded().getSearch().getSummary();
          default -> event.getPayloadCase().name().toLowerCase();
        };
    System.out.printf("search: event %d, %s%n", event.getSequence(), what);
  }

  /** Asks the predictor of the study about the winner, without running the model. */
  private void predict(StudyReport report) {
    PredictRequest request =
        PredictRequest.newBuilder()
            .setPredictorId(report.getPredictorId())
            .addArchitectures(report.getWinner().getArchitecture())
            .build();
    for (MetricPrediction prediction : pruning.predict(request).getPredictionsList()) {
      System.out.printf(
          "predict: the winner's %s is %.3f, from %.3f to %.3f%n",
          prediction.getMetric(), prediction.getMean(0), prediction.getLow(0), prediction.getHigh(0));
    }
  }

  /** Removes a fifth of each layer's heads and channels. */
  private void prune() {
    PruneRequest request =
        PruneRequest.newBuilder()
            .setRequestId(newRequestId("prune"))
            .setModel(MODEL)
            .setUniformRate(0.2)
            .setRecipe(Recipe.newBuilder().setCalibration(Calibration.newBuilder().setText(TEXT)))
            .setOutput("java-pruned")
            .setOverwrite(true)
            .build();
    var pruned = followJob.toEnd(() -> pruning.prune(request), PruneResponse::getEvent, event -> {}).getPrune();
    System.out.printf("prune: wrote %s, %d bytes%n", pruned.getOutput(), pruned.getBytes());
  }

  /** A rate above 1 is refused. */
  private void pruneTooMuch() {
    PruneRequest request =
        PruneRequest.newBuilder().setModel(MODEL).setUniformRate(1.5).setOutput("never").build();
    try {
      followJob.toEnd(() -> pruning.prune(request), PruneResponse::getEvent, event -> {});
      throw new AssertionError("a rate of 1.5 was taken");
    } catch (StatusRuntimeException error) {
      PrintError.print(error);
    }
  }

  /** An id of its own for each job: a start that is repeated with the same id attaches to the job. */
  private static String newRequestId(String verb) {
    return "java-" + verb + "-" + UUID.randomUUID();
  }
}
