package dev.prunecast.example;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Connects as commands of prunecast do, by the same variables: PRUNECAST_CLIENT_AUTHORITIES asks for TLS,
 * PRUNECAST_CLIENT_CERTIFICATE and _KEY are those of this client, PRUNECAST_TOKEN_FILE has a token.
 */
final class Connect {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private Connect() {}

  static ManagedChannel to(String address) throws IOException {
    String authorities = System.getenv("PRUNECAST_CLIENT_AUTHORITIES");
    String tokenFile = System.getenv("PRUNECAST_TOKEN_FILE");
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(address, authorities == null ? InsecureChannelCredentials.create() : tls(authorities))
            .defaultServiceConfig(readRetries());
    if (tokenFile != null) {
      if (authorities == null) {
        throw new IllegalArgumentException("a token is sent by TLS alone: set PRUNECAST_CLIENT_AUTHORITIES");
      }
      Metadata headers = new Metadata();
      headers.put(AUTHORIZATION, "Bearer " + Files.readString(Path.of(tokenFile)).strip());
      builder.intercept(MetadataUtils.newAttachHeadersInterceptor(headers));
    }
    return builder.build();
  }

  private static ChannelCredentials tls(String authorities) throws IOException {
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder().trustManager(new File(authorities));
    String certificate = System.getenv("PRUNECAST_CLIENT_CERTIFICATE");
    if (certificate != null) {
      tls.keyManager(new File(certificate), new File(System.getenv("PRUNECAST_CLIENT_KEY")));
    }
    return tls.build();
  }

  /** Which calls gRPC makes again by itself when the server is away for a moment. */
  private static Map<String, ?> readRetries() throws IOException {
    String json = Files.readString(Path.of("../../proto/prunecast/v1/service_config.json"));
    return new Gson().fromJson(json, new TypeToken<Map<String, ?>>() {}.getType());
  }
}
