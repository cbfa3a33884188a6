// Asks conversion webhooks for what synchronous code could not know (ConversionNeeded), many objects
// in one call where many are listed. Counterpart: apiserver/conversion/webhook_converter.go.

import type { Random } from '../../platform/random.js'
import { ConversionNeeded } from '../api/custom/conversions.js'
import type { Conversions } from '../api/custom/conversions.js'
import type { Kind } from '../api/kind.js'
import type { Json, KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { internalError } from '../api/status.js'
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

  /** Afterwards `fromStored` knows all of them. Throws ApiError InternalError. */
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

  /** All of one kind and to one version. Throws ApiError InternalError. */
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
      const what = `${object.apiVersion}, Kind=${object.kind}`
      throw internalError(`conversion webhook for ${what} failed: ${why}`)
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
    const answer = await this.#caller.post(config, review, callMs)
    return checkedAnswer(answer['response'], uid, needed, apiVersion)
  }
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
  uid: string,
  needed: readonly ConversionNeeded[],
  apiVersion: string,
): readonly KubeObject[] {
  if (!isJsonObject(response)) throw new Error('no response provided')
  if (response['uid'] !== uid) {
    throw new Error(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'])}`,
    )
  }
  const { result } = response
  const status = isJsonObject(result) ? result['status'] : undefined
  if (status !== 'Success') {
    const message = isJsonObject(result) ? result['message'] : undefined
    throw new Error(typeof message === 'string' && message !== '' ? message : 'request failed')
  }
  const objects = response['convertedObjects']
  const converted: readonly Json[] = Array.isArray(objects) ? objects : []
  if (converted.length !== needed.length) {
    throw new Error(`webhook returned ${converted.length} objects, expected ${needed.length}`)
  }
  return converted.map((object, index) =>
    checkedObject(object, needed[index]?.object, apiVersion, index),
  )
}

/** A webhook may say an object differently, and not make another one of it. */
function checkedObject(
  object: Json,
  asked: KubeObject | undefined,
  apiVersion: string,
  index: number,
): KubeObject {
  const refuse = (why: string) => new Error(`invalid converted object at index ${index}: ${why}`)
  if (!isJsonObject(object)) throw refuse('must be an object')
  if (object['apiVersion'] !== apiVersion) {
    throw refuse(
      `invalid groupVersion (expected ${apiVersion}, received ${JSON.stringify(object['apiVersion'])})`,
    )
  }
  if (asked === undefined || object['kind'] !== asked.kind) {
    throw refuse(
      `invalid kind (expected ${asked?.kind ?? ''}, received ${JSON.stringify(object['kind'])})`,
    )
  }
  const { metadata } = object
  if (!isJsonObject(metadata)) throw refuse('must have metadata')
  for (const name of ['name', 'namespace', 'uid'] as const) {
    if ((metadata[name] ?? '') !== (asked.metadata[name] ?? '')) {
      throw refuse(`metadata.${name} must not change`)
    }
  }
  return asObject(object)
}
