// How others verify the tokens of service accounts without asking us: the issuer's configuration and
// its public keys. Counterpart: pkg/serviceaccount/openidmetadata.go and routes/openidmetadata.go.

import type { JsonObject } from '../api/object.js'
import { bytesResponse } from './exchange.js'
import type { ApiResponse } from './exchange.js'
import { tokenIssuer } from './service-account-tokens.js'
import type { TokenSigner } from './service-account-tokens.js'

export const openIdConfigurationPath = '/.well-known/openid-configuration'
export const jwksPath = '/openid/v1/jwks'

const headers = { 'cache-control': 'public, max-age=3600' }

/** Null when the path is none of these. `address`: host:port by which clients reach this server. */
export function openIdAnswer(
  path: string,
  signer: TokenSigner,
  address: string,
): ApiResponse | null {
  const bytes = (document: JsonObject) => [new TextEncoder().encode(JSON.stringify(document))]
  switch (path) {
    case openIdConfigurationPath:
      return bytesResponse(
        200,
        'application/json',
        bytes({
          issuer: tokenIssuer,
          jwks_uri: `https://${address}${jwksPath}`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: [signer.algorithm],
        }),
        headers,
      )
    case jwksPath:
      return bytesResponse(
        200,
        'application/jwk-set+json',
        bytes({ keys: [signer.publicKey] }),
        headers,
      )
    default:
      return null
  }
}
