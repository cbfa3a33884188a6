// Writes what slice-plan.ts says, and remembers it until the informer shows it: slices get their names from the
// server, so a round on an older copy would make them again. Counterpart: the EndpointSliceTracker.

import type { EndpointSlice } from '../../api/types/discovery.js'
import { isNotFound } from '../../client/api-error.js'
import { type Informer } from '../../client/informer.js'
import { byLabel, labelIndex } from '../../client/object-store.js'
import { endpointSlices } from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import { WrittenVersions } from '../written-versions.js'
import { managedByLabel, serviceNameLabel, type SlicePlan } from './slice-plan.js'

const serviceIndex = labelIndex(serviceNameLabel)

/** The slices of one controller, by the key ("namespace/name") of the Service they are of. */
export class SliceWriter {
  readonly #client: ApiClient
  readonly #informer: Informer<EndpointSlice>
  readonly #managedBy: string
  readonly #written = new WrittenVersions()

  constructor(client: ApiClient, informer: Informer<EndpointSlice>, managedBy: string) {
    this.#client = client
    this.#informer = informer
    this.#managedBy = managedBy
    informer.addIndex(serviceIndex, byLabel(serviceNameLabel))
  }

  /** Until then no plan may be made for the key. */
  shown(key: string): boolean {
    return this.#written.shownBy(this.#informer, key)
  }

  slicesOf(key: string): readonly EndpointSlice[] {
    return this.#informer.objects
      .byIndex(serviceIndex, key)
      .filter(slice => slice.metadata.labels?.[managedByLabel] === this.#managedBy)
  }

  async apply(key: string, plan: SlicePlan): Promise<void> {
    for (const slice of plan.create) {
      this.#written.note(key, await this.#client.create(endpointSlices, slice))
    }
    for (const slice of plan.update) {
      this.#written.note(key, await this.#client.update(endpointSlices, slice))
    }
    for (const slice of plan.delete) await this.#delete(slice)
  }

  /** All of them; nothing is remembered of the key. */
  async remove(key: string): Promise<void> {
    this.#written.forget(key)
    for (const slice of this.slicesOf(key)) await this.#delete(slice)
  }

  /** Tells the key of what changes or goes; answers how to end that. */
  onChange(tell: (key: string) => void): () => void {
    const onSlice = (slice: EndpointSlice) => {
      const name = slice.metadata.labels?.[serviceNameLabel]
      if (name !== undefined) tell(`${slice.metadata.namespace}/${name}`)
    }
    return this.#informer.addHandlers({ onUpdate: onSlice, onDelete: onSlice })
  }

  async #delete(slice: EndpointSlice): Promise<void> {
    const { namespace = '', name = '', uid = '' } = slice.metadata
    await this.#client
      .delete(endpointSlices, { namespace, name }, { uid })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }
}
