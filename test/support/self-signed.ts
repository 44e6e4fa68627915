import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

/** A key and its certificate, both as PEM. */
export interface KeyPair {
  readonly key: string;
  readonly certificate: string;
}

export interface CertificateForm {
  /** Whom it is of; the certificate of an authority is of `authority`. */
  readonly commonName?: string;
  /** Signs it; itself when undefined. */
  readonly authority?: KeyPair;
  readonly isAuthority?: boolean;
  /** By default in a day. */
  readonly validToMs?: number;
}

const AUTHORITY = 'authority';

/** A certificate for `localhost` and 127.0.0.1, by default signed by itself and valid for a day. */
export function makeSelfSigned({
  commonName = 'localhost',
  authority,
  isAuthority = false,
  validToMs = Date.now() + 86_400_000,
}: CertificateForm = {}): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'));
  const nameOf = (name: string): Buffer =>
    sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))));
  const subject = nameOf(isAuthority ? AUTHORITY : commonName);
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)));
  const alternativeNames = sequence(Buffer.from('0603551d11', 'hex'), der(0x04, names));
  const constraints = sequence(
    Buffer.from('0603551d130101ff', 'hex'),
    der(0x04, sequence(Buffer.from('0101ff', 'hex'))),
  );
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, Buffer.of(1)), // serial number
    ecdsaWithSha256,
    authority === undefined ? subject : nameOf(AUTHORITY),
    sequence(utcTime(Math.min(Date.now(), validToMs) - 3_600_000), utcTime(validToMs)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...(isAuthority ? [constraints] : [alternativeNames]))),
  );
  const signature = sign('sha256', toBeSigned, authority === undefined ? privateKey : createPrivateKey(authority.key));
  const certificate = sequence(toBeSigned, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

/** A value in DER (ITU-T X.690): its tag, its length, its bytes. */
function der(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  // The shortest form there is: BoringSSL takes no other.
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), contents]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function utcTime(timeMs: number): Buffer {
  return der(
    0x17,
    Buffer.from(
      `${new Date(timeMs)
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  );
}
