// Pods that a controller makes and removes for an owner: in batches, with an event each, and off the expectations when
// they fail. Counterpart: RealPodControl and slowStartBatch of pkg/controller. Creations go out in batches of
// 1, 2, 4, ...: when the first one is refused (a quota, a webhook) the rest of a thousand is never sent.

import type { KubeObject } from '../api/object.js'
import type { Pod } from '../api/types/core-pod.js'
import { isNamespaceTerminating, isNotFound } from '../client/api-error.js'
import type { EventRecorder } from '../client/event-recorder.js'
import type { Expectations } from '../client/expectations.js'
import { objectKey, pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { errorText } from './context.js'

export class PodWriter {
  readonly #client: ApiClient
  readonly #recorder: EventRecorder
  readonly #expectations: Expectations

  constructor(client: ApiClient, recorder: EventRecorder, expectations: Expectations) {
    this.#client = client
    this.#recorder = recorder
    this.#expectations = expectations
  }

  /** `count` pods of one kind, as `createEach` makes them. */
  async create(key: string, owner: KubeObject, pod: Pod, count: number): Promise<unknown> {
    return await this.createEach(
      key,
      owner,
      Array.from({ length: count }, () => pod),
    )
  }

  /** The first error, or null. `key` is the owner's; what was not made is taken off its expectations. */
  async createEach(key: string, owner: KubeObject, wanted: readonly Pod[]): Promise<unknown> {
    let made = 0
    for (let batch = 1; made < wanted.length; batch *= 2) {
      const some = wanted.slice(made, made + batch)
      const outcomes = await Promise.all(some.map(pod => this.#createOne(key, owner, pod)))
      made += some.length
      const error = outcomes.find(outcome => outcome !== null)
      if (error === undefined) continue
      for (; made < wanted.length; made++) this.#expectations.creationObserved(key)
      // The namespace is going away and the owner with it: trying again would help nobody.
      return isNamespaceTerminating(error) ? null : error
    }
    return null
  }

  /** The error, or null. */
  async delete(key: string, owner: KubeObject, pod: Pod): Promise<unknown> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    try {
      await this.#client.delete(pods, { namespace, name }, { uid })
      this.#recorder.record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
      return null
    } catch (error) {
      this.#expectations.deletionObserved(key, objectKey(pod))
      if (isNotFound(error)) return null
      this.#recorder.record(owner, 'Warning', 'FailedDelete', `Error deleting: ${errorText(error)}`)
      return error
    }
  }

  async #createOne(key: string, owner: KubeObject, template: Pod): Promise<unknown> {
    try {
      const pod = await this.#client.create(pods, template)
      const text = `Created pod: ${pod.metadata.name}`
      this.#recorder.record(owner, 'Normal', 'SuccessfulCreate', text)
      return null
    } catch (error) {
      this.#expectations.creationObserved(key)
      if (!isNamespaceTerminating(error)) {
        const text = `Error creating: ${errorText(error)}`
        this.#recorder.record(owner, 'Warning', 'FailedCreate', text)
      }
      return error
    }
  }
}
