// POST serviceaccounts/<name>/token: a token for an account, bound to a pod where one is named.
// Counterpart: registry/core/serviceaccount/storage/token.go.

import type { FieldError } from '../api/kind.js'
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
import { decodeObject, warningHeaders } from './decoding.js'
import { timestamp } from './deletion.js'
import type { ApiResponse } from './exchange.js'
import { nodeOf } from './node-authorizer.js'
import { asJson, fieldAt, textAt, withField, withMetadata } from './object-fields.js'
import { parseWriteOptions } from './query-options.js'
import { jsonResponse } from './rendering.js'
import { randomUid } from './object-identity.js'
import type { Call, EndpointServices } from './resource-endpoints.js'
import { tokenIssuer } from './service-account-tokens.js'
import { admitBody } from './subresource-admission.js'
import type { BoundReference, TokenClaims, TokenSigner } from './service-account-tokens.js'
import { findKind } from '../api/kinds.js'
import { isJsonObject } from '../api/record.js'
import { invalidValue } from '../api/validation/field-errors.js'
import { tokenRequestType } from '../api/wire-types.js'
import { must } from '../../platform/errors.js'

const secondsUsual = 3_600
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
  const options = parseWriteOptions(info.query)
  const contentType = request.headers.get('content-type') ?? ''
  const { fieldValidation } = options
  const decoded = decodeObject(tokenRequestType, request.body, contentType, fieldValidation)
  const nowMs = services.clock.wallMs()
  const { object: review, warnings } = await admitBody(
    services.admission,
    call,
    tokenRequestType,
    withUsualSeconds(decoded.object),
    options,
    asked => settledRequest(asked, call, nowMs),
  )
  const account = (await services.reader.get(kind, info.namespace, info.name)).object
  const spec = specOf(review)
  const binding = await bindingOf(services, call, spec)
  const seconds = Math.min(secondsAsked(spec), secondsMax)
  const now = Math.floor(nowMs / 1000)
  const token = signer.sign({
    iss: tokenIssuer,
    sub: `system:serviceaccount:${info.namespace}:${info.name}`,
    aud: audiencesOf(spec),
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
  const status = { token, expirationTimestamp: timestamp((now + seconds) * 1000) }
  return jsonResponse(
    201,
    { ...asJson(review), spec: { ...spec, expirationSeconds: seconds }, status },
    call.negotiated.format,
    warningHeaders([...decoded.warnings, ...warnings]),
  )
}

function specOf(request: KubeObject): JsonObject {
  const spec = fieldAt(request, 'spec')
  return isJsonObject(spec) ? spec : {}
}

function audiencesOf({ audiences }: JsonObject): readonly string[] {
  const asked = Array.isArray(audiences) ? (audiences as readonly Json[]) : []
  return asked.filter(audience => typeof audience === 'string')
}

function withUsualSeconds(request: KubeObject): KubeObject {
  return fieldAt(request, 'spec.expirationSeconds') === undefined
    ? withField(request, 'spec.expirationSeconds', secondsUsual)
    : request
}

/** With what the request leaves open, as those see it who judge it. Throws ApiError Invalid. */
function settledRequest(request: KubeObject, { info }: Call, nowMs: number): KubeObject {
  const { name, namespace } = info
  const { metadata } = request
  const spec = specOf(request)
  const errors: FieldError[] = []
  const own = { name, namespace }
  for (const field of ['name', 'namespace'] as const) {
    const given = metadata[field] ?? ''
    if (given === '' || given === own[field]) continue
    const text = `must match the service account ${field} if specified`
    errors.push(invalidValue(`metadata.${field}`, given, text))
  }
  const seconds = secondsAsked(spec)
  if (seconds < secondsMin) {
    const text = 'may not specify a duration less than 10 minutes'
    errors.push(invalidValue('spec.expirationSeconds', seconds, text))
  }
  if (errors.length > 0) throw invalid(tokenRequestType, '', errors)
  const named = audiencesOf(spec)
  const audiences = named.length === 0 ? [tokenIssuer] : named
  const whole = withMetadata(request, { ...own, creationTimestamp: timestamp(nowMs) })
  return withField(withField(whole, 'spec', { ...spec, audiences }), 'status', undefined)
}

function secondsAsked({ expirationSeconds }: JsonObject): number {
  return typeof expirationSeconds === 'number' ? expirationSeconds : secondsUsual
}

function referenceOf(object: KubeObject): BoundReference {
  return { name: object.metadata.name ?? '', uid: object.metadata.uid ?? '' }
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
