// POST serviceaccounts/<name>/token: a token for an account, bound to a pod where one is named.
// Counterpart: registry/core/serviceaccount/storage/token.go.

import type { Json, JsonObject, KubeObject } from '../api/object.js'
import {
  badRequest,
  conflict,
  forbidden,
  invalid,
  methodNotAllowed,
  serviceUnavailable,
} from '../api/status.js'
import type { ApiError } from '../api/status.js'
import { decodeObject } from './decoding.js'
import { timestamp } from './deletion.js'
import type { ApiResponse } from './exchange.js'
import { nodeOf } from './node-authorizer.js'
import { fieldAt, textAt } from './object-fields.js'
import { parseWriteOptions } from './query-options.js'
import { jsonResponse } from './rendering.js'
import { randomUid } from './object-identity.js'
import type { Call, EndpointServices } from './resource-endpoints.js'
import { tokenIssuer } from './service-account-tokens.js'
import { admitBody } from './subresource-admission.js'
import type { BoundReference, TokenClaims, TokenSigner } from './service-account-tokens.js'
import { findKind } from '../api/kinds.js'
import { isJsonObject } from '../api/record.js'
import { tokenRequestType } from '../api/wire-types.js'
import { must } from '../../platform/errors.js'

const secondsDefault = 3_600
const secondsMin = 600
const secondsMax = 24 * 3_600

/** Throws ApiError. */
export async function createToken(
  services: EndpointServices,
  signer: TokenSigner | null,
  call: Call,
): Promise<ApiResponse> {
  const { info, kind, request } = call
  if (info.verb !== 'create') throw methodNotAllowed(kind, info.verb)
  if (signer === null) throw serviceUnavailable('this API server has no key to sign tokens with')
  const contentType = request.headers.get('content-type') ?? ''
  const decoded = decodeObject(tokenRequestType, request.body, contentType, 'Ignore').object
  const options = parseWriteOptions(info.query)
  const { object: review } = await admitBody(
    services.admission,
    call,
    tokenRequestType,
    decoded,
    options,
  )
  const given = fieldAt(review, 'spec')
  const spec = isJsonObject(given) ? given : {}
  const account = (await services.reader.get(kind, info.namespace, info.name)).object
  const binding = await bindingOf(services, call, spec)
  const seconds = secondsOf(spec)
  const asked = Array.isArray(spec['audiences']) ? (spec['audiences'] as readonly Json[]) : []
  const named = asked.filter((audience): audience is string => typeof audience === 'string')
  const audiences = named.length === 0 ? [tokenIssuer] : named
  const nowMs = services.clock.wallMs()
  const now = Math.floor(nowMs / 1000)
  const token = signer.sign({
    iss: tokenIssuer,
    sub: `system:serviceaccount:${info.namespace}:${info.name}`,
    aud: audiences,
    iat: now,
    nbf: now,
    exp: now + seconds,
    jti: randomUid(services.random),
    'kubernetes.io': {
      namespace: info.namespace,
      serviceaccount: referenceOf(account),
      ...binding,
    },
  })
  return jsonResponse(
    201,
    {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {
        name: info.name,
        namespace: info.namespace,
        creationTimestamp: timestamp(nowMs),
      },
      spec: { ...spec, audiences, expirationSeconds: seconds },
      status: { token, expirationTimestamp: timestamp((now + seconds) * 1000) },
    },
    call.negotiated.format,
  )
}

function referenceOf(object: KubeObject): BoundReference {
  return { name: object.metadata.name ?? '', uid: object.metadata.uid ?? '' }
}

function secondsOf(spec: JsonObject): number {
  const asked = spec['expirationSeconds']
  if (typeof asked !== 'number') return secondsDefault
  if (asked < secondsMin) {
    throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
      {
        reason: 'FieldValueInvalid',
        field: 'spec.expirationSeconds',
        message: `Invalid value: ${asked}: may not specify a duration less than 10 minutes`,
      },
    ])
  }
  return Math.min(asked, secondsMax)
}

/** What the token is to die with, for its claims. */
type Binding = Pick<TokenClaims['kubernetes.io'], 'pod' | 'secret' | 'node'>

async function bindingOf(
  services: EndpointServices,
  call: Call,
  spec: JsonObject,
): Promise<Binding> {
  const reference = spec['boundObjectRef']
  const node = nodeOf(call.user)
  if (!isJsonObject(reference)) {
    // A node acts for its pods, never for an account as such.
    if (node !== null) throw restricted(call, node, 'not bound to a pod')
    return {}
  }
  const kind = textAt(reference, 'kind')
  if (textAt(reference, 'apiVersion') !== 'v1')
    throw unbindable(textAt(reference, 'apiVersion'), kind)
  if (node !== null && kind !== 'Pod') throw restricted(call, node, 'not bound to a pod')
  switch (kind) {
    case 'Pod':
      return podBinding(services, call, await bound(services, call, reference, 'pods'))
    case 'Secret':
      return { secret: referenceOf(await bound(services, call, reference, 'secrets')) }
    case 'Node':
      return { node: referenceOf(await bound(services, call, reference, 'nodes')) }
    default:
      throw unbindable('v1', kind)
  }
}

function unbindable(apiVersion: string, kind: string): ApiError {
  return badRequest(
    `cannot bind token for serviceaccount to object of type ${apiVersion}, Kind=${kind}`,
  )
}

function restricted({ kind, info }: Call, node: string, why: string): ApiError {
  return forbidden(kind, info.name, `node requested token ${why} (node ${JSON.stringify(node)})`)
}

/** What the reference names, if it is still the one that was meant. */
async function bound(
  services: EndpointServices,
  { info }: Call,
  reference: JsonObject,
  plural: 'pods' | 'secrets' | 'nodes',
): Promise<KubeObject> {
  const kind = must(findKind('', 'v1', plural), `${plural} are served`)
  const name = textAt(reference, 'name')
  const found = (await services.reader.get(kind, info.namespace, name)).object
  const uid = textAt(reference, 'uid')
  if (uid !== '' && uid !== found.metadata.uid) {
    throw conflict(
      kind,
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  return found
}

function podBinding(services: EndpointServices, call: Call, pod: KubeObject): Binding {
  const { info } = call
  const name = pod.metadata.name ?? ''
  if (textAt(pod, 'spec.serviceAccountName') !== info.name) {
    throw badRequest(
      `cannot bind token for serviceaccount "${info.name}" to pod "${name}" running with different serviceaccount name.`,
    )
  }
  const nodeName = textAt(pod, 'spec.nodeName')
  const asking = nodeOf(call.user)
  if (asking !== null && nodeName !== asking) {
    throw restricted(call, asking, 'bound to a pod scheduled on a different node')
  }
  const node = services.reader.cachedAt('', 'nodes', '', nodeName)?.object
  return { pod: referenceOf(pod), ...(node === undefined ? {} : { node: referenceOf(node) }) }
}
