// Asking webhooks: one after another those that may change the object, all at once those that may
// only refuse it. Counterpart: plugin/webhook/mutating and plugin/webhook/validating.

import type { Clock } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Random } from '../../../platform/random.js'
import { sameJson } from '../../api/equality.js'
import { checkShape, findWireType } from '../../api/decode.js'
import type { WireType } from '../../api/decode.js'
import type { Kind } from '../../api/kind.js'
import { jsonPatch } from '../../api/merge/json-patch.js'
import type { Json, JsonObject, KubeObject } from '../../api/object.js'
import { isJsonObject } from '../../api/record.js'
import { badRequest, internalError } from '../../api/status.js'
import { fromStored, toStored } from '../../api/stored-version.js'
import { withTypeMeta } from '../decoding.js'
import { asJson, asObject } from '../object-fields.js'
import { randomUid } from '../object-identity.js'
import type { WebhookCaller } from '../webhook-call.js'
import { denial, reviewAnswer, reviewOf, reviewVersion } from './admission-review.js'
import type { ReviewAnswer, ReviewedObjects } from './admission-review.js'
import { warned } from './dynamic.js'
import type { AdmissionPlugin, DynamicRequest, Mutation } from './dynamic.js'
import type { WebhookMetrics, WebhookType } from './webhook-metrics.js'
import type { Hook, Invocation, WebhookSelection } from './webhook-selection.js'

export interface WebhookServices {
  readonly caller: Pick<WebhookCaller, 'post'>
  readonly selection: WebhookSelection
  readonly conditions: MatchConditions
  readonly metrics: WebhookMetrics
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Whether the conditions of a webhook hold. Throws ApiError Forbidden where nobody can say. */
export type MatchConditions = (
  hook: Hook,
  request: DynamicRequest,
  kind: Kind,
  objects: ReviewedObjects,
) => boolean

/** The webhook gave no answer that counts. */
class CallFailure extends Error {
  readonly code: number

  constructor(why: string, code: number) {
    super(why)
    this.code = code
  }
}

const timeoutSecondsDefault = 10
const okCode = 200
const unavailableCode = 503
const badRequestCode = 400
const harmlessInDryRun = ['None', 'NoneOnDryRun']

/** What both sorts have in common: one call, and what is made of its failure. */
class Webhooks {
  readonly services: WebhookServices
  readonly #type: WebhookType

  constructor(services: WebhookServices, type: WebhookType) {
    this.services = services
    this.#type = type
  }

  concerns(request: DynamicRequest): boolean {
    return this.services.selection.concerns(request)
  }

  /** Null where the webhook is not to be called. Throws ApiError, ConversionNeeded. */
  invocation(hook: Hook, request: DynamicRequest): (Invocation & ReviewedObjects) | null {
    const invocation = this.services.selection.invocation(hook, request)
    if (invocation === null) return null
    const { kind } = invocation
    const said = (object: KubeObject | null) => object && inVersion(request, kind, object)
    const objects = { object: said(request.object), old: said(request.old) }
    return this.services.conditions(hook, request, kind, objects)
      ? { ...invocation, ...objects }
      : null
  }

  /**
   * Null where the webhook failed and may; `use` takes the answer, and may refuse it by throwing
   * ApiError. Throws ApiError.
   */
  async call<T>(
    invocation: Invocation & ReviewedObjects,
    request: DynamicRequest,
    use: (answer: ReviewAnswer) => T,
  ): Promise<T | null> {
    const { name, failurePolicy } = invocation.hook.webhook
    const { metrics, clock } = this.services
    const startMs = clock.monotonicMs()
    const outcome = { name, type: this.#type, operation: request.operation.toUpperCase() }
    const observe = (code: number, rejected: boolean) =>
      metrics.observe({
        ...outcome,
        seconds: (clock.monotonicMs() - startMs) / 1000,
        code,
        rejected,
      })
    try {
      const answer = await this.#answer(invocation, request)
      // There is no audit log; the server's own stands in for it.
      for (const [key, value] of Object.entries(answer.auditAnnotations)) {
        this.services.logger.info({ key: `${name}/${key}`, value }, 'audit annotation of a webhook')
      }
      if (!answer.allowed) {
        const denied = denial(name, answer.result).warned(answer.warnings)
        observe(denied.httpCode, true)
        metrics.rejected({ ...outcome, code: denied.httpCode }, 'no_error')
        throw denied
      }
      const used = use(answer)
      observe(okCode, false)
      return used
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error
      const ignored = failurePolicy === 'Ignore'
      observe(error.code, !ignored)
      const text = `failed calling webhook ${JSON.stringify(name)}: ${error.message}`
      this.services.logger.warn({ webhook: name, error: error.message, ignored }, 'webhook failed')
      if (!ignored) {
        metrics.rejected({ ...outcome, code: error.code }, 'calling_webhook_error')
        throw internalError(text)
      }
      metrics.failedOpen(name, this.#type)
      return null
    }
  }

  async #answer(
    { hook, kind, object, old }: Invocation & ReviewedObjects,
    request: DynamicRequest,
  ): Promise<ReviewAnswer> {
    const { webhook } = hook
    const { caller, random } = this.services
    if (request.dryRun && !harmlessInDryRun.includes(webhook.sideEffects)) {
      const quoted = JSON.stringify(webhook.name)
      throw badRequest(`admission webhook ${quoted} does not support dry run`)
    }
    const version = reviewVersion(webhook.admissionReviewVersions)
    if (version === null) {
      const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)'
      throw new CallFailure(`could not create admission objects: ${why}`, badRequestCode)
    }
    const uid = randomUid(random)
    const review = reviewOf(request, kind, { object, old }, version, uid)
    const { timeoutSeconds = timeoutSecondsDefault } = webhook
    let answer: JsonObject
    try {
      const harmless = webhook.sideEffects === 'None'
      answer = await caller.post(webhook.clientConfig, review, timeoutSeconds * 1000, harmless)
    } catch (error) {
      throw new CallFailure(`failed to call webhook: ${messageOf(error)}`, unavailableCode)
    }
    try {
      return reviewAnswer(answer, version, uid, this.#type === 'admit')
    } catch (error) {
      throw new CallFailure(
        `received invalid webhook response: ${messageOf(error)}`,
        unavailableCode,
      )
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An object of the request as the version `kind` says it. Throws ConversionNeeded. */
function inVersion({ body }: DynamicRequest, kind: Kind, object: KubeObject): KubeObject {
  return body === null ? fromStored(kind, object) : object
}

function sameObject(a: KubeObject | null, b: KubeObject | null): boolean {
  return a === null || b === null ? a === b : a === b || sameJson(asJson(a), asJson(b))
}

/** Between the turns of one request. */
interface Memory {
  /** What the last turn made of the object. */
  readonly output: KubeObject | null
  /** Hooks to be called again, by id. */
  readonly again: ReadonlySet<string>
  /** Hooks that were called since then and may be called again. */
  readonly invoked: ReadonlySet<string>
}

export class MutatingWebhooks implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionWebhook'
  readonly #webhooks: Webhooks

  constructor(services: WebhookServices) {
    this.#webhooks = new Webhooks(services, 'admit')
  }

  concerns(request: DynamicRequest): boolean {
    return this.#webhooks.concerns(request)
  }

  async mutate(request: DynamicRequest, memory: unknown): Promise<Mutation> {
    const before = memory as Memory | null
    const again = new Set(before?.again)
    const invoked = new Set(before?.invoked)
    const callAgain = () => {
      for (const id of invoked) again.add(id)
      invoked.clear()
    }
    // Those who are built in have changed something: all who may be asked again are.
    if (before !== null && !sameObject(request.object, before.output)) callAgain()
    const warnings: string[] = []
    let { object } = request
    let changed = false
    try {
      for (const hook of this.#webhooks.services.selection.hooks()) {
        if (before !== null && !again.has(hook.id)) continue
        const current = { ...request, object }
        const invocation = this.#webhooks.invocation(hook, current)
        if (invocation === null) continue
        const patched = await this.#webhooks.call(invocation, current, answer => {
          warnings.push(...answer.warnings)
          return this.#patched(invocation, current, answer.patch)
        })
        if (patched !== null) {
          callAgain()
          changed = true
          object = patched
        }
        if (hook.webhook.reinvocationPolicy === 'IfNeeded') invoked.add(hook.id)
      }
    } catch (error) {
      throw warned(error, warnings)
    }
    return { object, warnings, again: changed, memory: { output: object, again, invoked } }
  }

  /** Null where the patch changes nothing. Throws ApiError InternalError. */
  #patched(
    { hook, kind, object }: Invocation & ReviewedObjects,
    request: DynamicRequest,
    patch: Json,
  ): KubeObject | null {
    if (patch === null || (Array.isArray(patch) && patch.length === 0)) return null
    const { name } = hook.webhook
    if (object === null) {
      throw internalError(
        `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
      )
    }
    const original = asJson(object)
    const { body } = request
    const type = body === null ? kind : findWireType(body.group, body.version, body.kind)
    const result = patchedObject(type, original, patch)
    if (sameJson(original, asJson(result))) return null
    return request.body === null ? toStored(kind, result) : result
  }
}

/** `type`: null for the options of a stream, which are read from the URL. Throws ApiError InternalError. */
function patchedObject(type: WireType | null, original: JsonObject, patch: Json): KubeObject {
  try {
    const result = jsonPatch(original, patch)
    if (!isJsonObject(result)) throw new Error('the result of the patch is not an object')
    if (type === null) return asObject(result)
    const { object, typeErrors } = checkShape(type, withTypeMeta(type, result))
    const [wrong] = typeErrors
    if (wrong !== undefined) throw new Error(wrong.message)
    const { metadata } = object
    return asObject({ ...object, metadata: metadata ?? {} })
  } catch (error) {
    throw internalError(messageOf(error))
  }
}

export class ValidatingWebhooks implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionWebhook'
  readonly #webhooks: Webhooks

  constructor(services: WebhookServices) {
    this.#webhooks = new Webhooks(services, 'validating')
  }

  concerns(request: DynamicRequest): boolean {
    return this.#webhooks.concerns(request)
  }

  async validate(request: DynamicRequest): Promise<readonly string[]> {
    const invocations = this.#webhooks.services.selection
      .hooks()
      .map(hook => this.#webhooks.invocation(hook, request))
      .filter(invocation => invocation !== null)
    const results = await Promise.allSettled(
      invocations.map(invocation =>
        this.#webhooks.call(invocation, request, answer => answer.warnings),
      ),
    )
    const warnings = results.flatMap(result =>
      result.status === 'fulfilled' ? (result.value ?? []) : [],
    )
    const refused = results.find(result => result.status === 'rejected')
    if (refused !== undefined) throw warned(refused.reason, warnings)
    return warnings
  }
}
