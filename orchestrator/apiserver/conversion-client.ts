// Asks conversion webhooks for what synchronous code could not know (ConversionNeeded), many objects
// in one call where many are listed. Counterpart: apiserver/conversion/webhook_converter.go.

import type { Random } from '../../platform/random.js'
import { ConversionNeeded } from '../api/custom/conversions.js'
import type { Conversions } from '../api/custom/conversions.js'
import type { Kind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { internalError, unexplained } from '../api/status.js'
import { fromStored } from '../api/stored-version.js'
import { asJson, asObject } from './object-fields.js'
import { randomUid } from './object-identity.js'
import type { StoredObject } from './stored-object.js'
import type { WebhookCaller } from './webhook-call.js'

const callMs = 30_000
const objectsPerCallMax = 500
/** Conversions that one piece of work may ask for, one after another. */
const roundsMax = 16

export class ConversionClient {
  readonly #caller: WebhookCaller
  readonly #random: Random

  constructor(caller: WebhookCaller, random: Random) {
    this.#caller = caller
    this.#random = random
  }

  /** Afterwards `fromStored` knows all of them. Throws ApiError, without a reason. */
  async ready(kind: Kind, items: readonly StoredObject[]): Promise<void> {
    if (!asksWebhook(kind)) return
    const needed = items.flatMap(item => missing(kind, item))
    for (let at = 0; at < needed.length; at += objectsPerCallMax) {
      await this.ask(needed.slice(at, at + objectsPerCallMax))
    }
  }

  /** Does the work as often as it takes to know all that it needs. Throws ApiError as it does. */
  async settled<T>(work: () => T | Promise<T>): Promise<T> {
    for (let round = 0; ; round++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof ConversionNeeded)) throw error
        if (round >= roundsMax) throw internalError('an object needs too many conversions')
        await this.ask([error])
      }
    }
  }

  /** All of one kind and to one version. Throws ApiError, without a reason. */
  async ask(needed: readonly ConversionNeeded[]): Promise<void> {
    const [first] = needed
    if (first === undefined) return
    const { conversions, apiVersion, object } = first
    try {
      const answers = await this.#convert(conversions, needed, apiVersion)
      for (const [index, one] of needed.entries()) {
        const answer = answers[index]
        if (answer !== undefined) conversions.learn(one.object, answer, apiVersion)
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const did = error instanceof AnswerError ? why : `failed: ${why}`
      const what = `${object.apiVersion}, Kind=${object.kind}`
      throw unexplained(`conversion webhook for ${what} ${did}`)
    }
  }

  async #convert(
    { webhook }: Conversions,
    needed: readonly ConversionNeeded[],
    apiVersion: string,
  ): Promise<readonly KubeObject[]> {
    const config = webhook?.clientConfig
    if (webhook === null || config === undefined) throw new Error('there is no webhook')
    const version = webhook.conversionReviewVersions.find(one => one === 'v1' || one === 'v1beta1')
    const uid = randomUid(this.#random)
    const review = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${version ?? 'v1'}`,
      request: {
        uid,
        desiredAPIVersion: apiVersion,
        objects: needed.map(one => asJson(one.object)),
      },
    }
    // What an object is in another version does not depend on how often that is asked.
    const answer = await this.#caller.post(config, review, callMs, true)
    // The older version asked for less.
    if (version !== 'v1beta1') checkReview(answer, uid)
    return checkedAnswer(answer['response'], needed, apiVersion)
  }
}

/** A webhook has answered, with what is no answer. The message follows "conversion webhook for X". */
class AnswerError extends Error {}

function checkReview(answer: JsonObject, uid: string): void {
  const expected = 'apiextensions.k8s.io/v1'
  const { apiVersion, kind, response } = answer
  if (apiVersion !== expected || kind !== 'ConversionReview') {
    const got = `${textOf(apiVersion)}, Kind=${textOf(kind)}`
    throw new Error(`expected webhook response of ${expected}, Kind=ConversionReview, got ${got}`)
  }
  if (!isJsonObject(response)) throw new Error('no response provided')
  if (response['uid'] !== uid) {
    const got = JSON.stringify(textOf(response['uid']))
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${got}`)
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function asksWebhook(kind: Kind): boolean {
  return kind.custom !== undefined && kind.custom.conversions.webhook !== null
}

function missing(kind: Kind, item: StoredObject): readonly ConversionNeeded[] {
  try {
    fromStored(kind, item.object)
    return []
  } catch (error) {
    if (error instanceof ConversionNeeded) return [error]
    throw error
  }
}

function checkedAnswer(
  response: Json | undefined,
  needed: readonly ConversionNeeded[],
  apiVersion: string,
): readonly KubeObject[] {
  if (!isJsonObject(response)) throw new Error('no response provided')
  const { result } = response
  const status = isJsonObject(result) ? result['status'] : undefined
  if (status !== 'Success') {
    const message = isJsonObject(result) ? textOf(result['message']) : ''
    throw new Error(
      message === '' ? `response.result.status was '${textOf(status)}', not 'Success'` : message,
    )
  }
  const objects = response['convertedObjects']
  const converted: readonly Json[] = Array.isArray(objects) ? objects : []
  if (converted.length !== needed.length) {
    throw new AnswerError(`returned ${converted.length} objects, expected ${needed.length}`)
  }
  return converted.map((object, index) => {
    // As with the original: of one object alone the place says nothing.
    const one = needed.length === 1
    const refuse = (why: string, general = false) => {
      const what = one && !general ? 'object' : `${one ? '' : 'converted '}object at index ${index}`
      return new AnswerError(`returned invalid ${what}: ${why}`)
    }
    return checkedObject(object, needed[index]?.object, apiVersion, refuse)
  })
}

/** A webhook may say an object differently, and not make another one of it. */
function checkedObject(
  object: Json,
  asked: KubeObject | undefined,
  apiVersion: string,
  refuse: (why: string, general?: boolean) => AnswerError,
): KubeObject {
  if (!isJsonObject(object)) throw refuse('must be an object', true)
  if (object['apiVersion'] !== apiVersion) {
    const received = textOf(object['apiVersion'])
    throw refuse(`invalid groupVersion (expected ${apiVersion}, received ${received})`, true)
  }
  if (asked === undefined || object['kind'] !== asked.kind) {
    const received = textOf(object['kind'])
    throw refuse(`invalid kind (expected ${asked?.kind ?? ''}, received ${received})`, true)
  }
  const { metadata } = object
  if (!isJsonObject(metadata)) throw refuse('missing metadata in converted object')
  for (const name of ['name', 'namespace', 'uid'] as const) {
    const [before, after] = [asked.metadata[name] ?? '', textOf(metadata[name])]
    if (before === after) continue
    const shown = name === 'uid' ? 'UID' : name
    throw refuse(`must have the same ${shown}: ${before} != ${after}`)
  }
  return asObject(object)
}
