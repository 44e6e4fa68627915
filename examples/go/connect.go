package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Connects as commands of prunecast do, by the same variables: PRUNECAST_CLIENT_AUTHORITIES asks for TLS,
// PRUNECAST_CLIENT_CERTIFICATE and _KEY are those of this client, PRUNECAST_TOKEN_FILE has a token. gRPC refuses to send
// a token without TLS.
func connect(address string) (*grpc.ClientConn, error) {
	// Which calls gRPC makes again by itself when the server is away for a moment.
	retries, err := os.ReadFile("../../proto/prunecast/v1/service_config.json")
	if err != nil {
		return nil, err
	}
	transport, err := transportCredentials()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithDefaultServiceConfig(string(retries)),
		grpc.WithTransportCredentials(transport),
	}
	if file := os.Getenv("PRUNECAST_TOKEN_FILE"); file != "" {
		options = append(options, grpc.WithPerRPCCredentials(tokenFile(file)))
	}
	return grpc.NewClient(address, options...)
}

func transportCredentials() (credentials.TransportCredentials, error) {
	authorities := os.Getenv("PRUNECAST_CLIENT_AUTHORITIES")
	if authorities == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(authorities)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", authorities)
	}
	if file := os.Getenv("PRUNECAST_CLIENT_CERTIFICATE"); file != "" {
		own, err := tls.LoadX509KeyPair(file, os.Getenv("PRUNECAST_CLIENT_KEY"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}

// A file that has a token, read for each call, so that it may change.
type tokenFile string

func (file tokenFile) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := os.ReadFile(string(file))
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(string(token))}, err
}

func (tokenFile) RequireTransportSecurity() bool { return true }
