import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Certificates } from '../tls/certificates.js';

type IdentityListener = Parameters<experimental.CertificateProvider['addIdentityCertificateListener']>[0];
type AuthorityListener = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];

/**
 * Credentials that follow certificates. Not FileWatcherCertificateProvider of grpc-js: while files are being replaced
 * it takes a certificate that does not fit its key, and then refuses every connection.
 */
export function createTlsCredentials(certificates: Certificates): ServerCredentials {
  const ends = new Map<unknown, () => void>();
  const follow = (listener: unknown, tell: () => void): void => {
    ends.set(listener, certificates.onChange(tell));
    process.nextTick(tell);
  };
  const leave = (listener: unknown): void => {
    ends.get(listener)?.();
    ends.delete(listener);
  };
  const provider: experimental.CertificateProvider = {
    addIdentityCertificateListener: (listener: IdentityListener) =>
      follow(listener, () => {
        const { cert, key } = certificates.current;
        listener({ certificate: cert, privateKey: key });
      }),
    removeIdentityCertificateListener: leave,
    addCaCertificateListener: (listener: AuthorityListener) =>
      follow(listener, () => {
        const { ca } = certificates.current;
        listener(ca === undefined ? null : { caCertificate: ca });
      }),
    removeCaCertificateListener: leave,
  };
  const { requiresClients } = certificates;
  return experimental.createCertificateProviderServerCredentials(
    // The library names these two the other way round: the first is for the certificate of the server.
    provider,
    requiresClients ? provider : null,
    requiresClients,
  );
}
