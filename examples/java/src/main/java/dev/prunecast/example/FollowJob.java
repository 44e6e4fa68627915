package dev.prunecast.example;

import dev.prunecast.v1.JobEnded;
import dev.prunecast.v1.JobEvent;
import dev.prunecast.v1.JobServiceGrpc.JobServiceBlockingStub;
import dev.prunecast.v1.WatchJobRequest;
import dev.prunecast.v1.WatchJobResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Follows jobs from their start to their end: each event is shown once, also when the connection is lost on the way.
 * A job goes on without its caller; WatchJob gives what came after the last event that was seen.
 */
final class FollowJob {
  private static final Duration GIVE_UP_AFTER = Duration.ofMinutes(1);

  private final JobServiceBlockingStub jobs;

  FollowJob(JobServiceBlockingStub jobs) {
    this.jobs = jobs;
  }

  /** Starts a job by a call that gives its events. Throws the error that the call or the job ends with. */
  <R> JobEnded toEnd(Supplier<Iterator<R>> start, Function<R, JobEvent> eventOf, Consumer<JobEvent> show) {
    String jobId = "";
    long last = 0;
    Instant heard = Instant.EPOCH; // nothing was heard yet: a server that is not there is not waited for
    while (true) {
      try {
        Iterator<JobEvent> events = jobId.isEmpty() ? map(start.get(), eventOf) : watch(jobId, last);
        while (events.hasNext()) {
          JobEvent event = events.next();
          heard = Instant.now();
          if (event.getSequence() <= last) {
            continue; // a heartbeat, or progress before there is a job: neither is numbered
          }
          jobId = event.getJobId();
          last = event.getSequence();
          show.accept(event);
          if (event.hasEnded()) {
            return requireSuccess(event.getEnded());
          }
        }
        throw Status.UNAVAILABLE.withDescription("the stream ended before the job").asRuntimeException();
      } catch (StatusRuntimeException error) {
        boolean isPatient = Duration.between(heard, Instant.now()).compareTo(GIVE_UP_AFTER) < 0;
        if (error.getStatus().getCode() != Status.Code.UNAVAILABLE || !isPatient) {
          throw error;
        }
        System.out.printf("lost the server after event %d, resuming: %s%n", last, error.getStatus().getDescription());
        sleep();
      }
    }
  }

  private Iterator<JobEvent> watch(String jobId, long last) {
    var request = WatchJobRequest.newBuilder().setJobId(jobId).setAfterSequence(last).build();
    return map(jobs.watchJob(request), WatchJobResponse::getEvent);
  }

  private static JobEnded requireSuccess(JobEnded ended) {
    if (ended.hasError()) {
      throw StatusProto.toStatusRuntimeException(ended.getError());
    }
    return ended;
  }

  private static <R> Iterator<JobEvent> map(Iterator<R> responses, Function<R, JobEvent> eventOf) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return responses.hasNext();
      }

      @Override
      public JobEvent next() {
        return eventOf.apply(responses.next());
      }
    };
  }

  private static void sleep() {
    try {
      Thread.sleep(1000);
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }
}
