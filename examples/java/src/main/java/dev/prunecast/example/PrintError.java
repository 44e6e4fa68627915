package dev.prunecast.example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;

/** Prints all that an error of the server says: its code, a reason to match on, facts, and the fields at fault. */
final class PrintError {
  private PrintError() {}

  static void print(StatusRuntimeException error) {
    System.out.printf("error: %s: %s%n", error.getStatus().getCode(), error.getStatus().getDescription());
    Status status = StatusProto.fromThrowable(error);
    for (Any detail : status.getDetailsList()) {
      try {
        print(detail);
      } catch (InvalidProtocolBufferException malformed) {
        throw new IllegalStateException(malformed);
      }
    }
  }

  private static void print(Any detail) throws InvalidProtocolBufferException {
    if (detail.is(ErrorInfo.class)) {
      ErrorInfo info = detail.unpack(ErrorInfo.class);
      System.out.printf("error: reason %s %s%n", info.getReason(), info.getMetadataMap());
    } else if (detail.is(BadRequest.class)) {
      for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
        System.out.printf("error: field %s: %s%n", violation.getField(), violation.getDescription());
      }
    } else if (detail.is(RetryInfo.class)) {
      System.out.printf("error: try again in %d s%n", detail.unpack(RetryInfo.class).getRetryDelay().getSeconds());
    }
  }
}
