// What signs certificates, as the controller sees it: a key that it never holds itself. Whoever starts the
// controllers brings one, or none. Counterpart: pkg/controller/certificates/authority.

export interface CertificateOrder {
  /** A PKCS #10 request. Its subject, alternative names and key go into the certificate. */
  readonly requestPem: string
  /** As in a CertificateSigningRequest: "client auth", "digital signature". */
  readonly usages: readonly string[]
  readonly notBeforeMs: number
  /** Never later than the end of the authority itself. */
  readonly notAfterMs: number
}

export type SignedCertificate =
  | { readonly kind: 'signed'; readonly pem: string }
  /** For good: the request itself is at fault, as one whose own signature is wrong. */
  | { readonly kind: 'refused'; readonly why: string }

export interface CertificateSigner {
  /** Rejects where signing failed for a reason that may pass. */
  sign(order: CertificateOrder): Promise<SignedCertificate>
}
