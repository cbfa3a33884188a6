// What PodGroup objects say, read when pods of a gang come. The kind may not exist in a cluster: then, and where
// there is no object, the annotations of the pods count.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { KubeObject } from '../api/object.js'
import type { Pod } from '../api/types/core-pod.js'
import { isNotFound } from '../client/api-error.js'
import { type Resource, splitKey } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { annotatedTerms, gangOf, type GangTerms, gangTerms } from './core/gang.js'

interface PodGroup extends KubeObject {
  readonly spec?: { readonly minMember?: unknown; readonly scheduleTimeoutSeconds?: unknown }
}

const podGroups: Resource<PodGroup> = {
  group: 'scheduling.x-k8s.io',
  version: 'v1alpha1',
  kind: 'PodGroup',
  plural: 'podgroups',
  namespaced: true,
}

/** Read again for a pod that comes later than this. */
const freshMs = 10_000
const groupsMax = 4096

interface Read {
  /** Null where there is no such object; undefined before the first answer. */
  terms: GangTerms | null | undefined
  atMs: number
}

export interface PodGroupsContext {
  readonly client: ApiClient
  readonly clock: Clock
  readonly logger: Logger
  /** What is said of a group ("namespace/name") is known now, or has changed. */
  readonly onRead: (group: string) => void
}

export class PodGroups {
  private readonly context: PodGroupsContext
  private readonly reads = new Map<string, Read>()

  constructor(context: PodGroupsContext) {
    this.context = context
  }

  /** Null while it is not known; asks for it, and again from time to time. */
  termsOf(pod: Pod): GangTerms | null {
    const group = gangOf(pod)
    if (group === null) return null
    const nowMs = this.context.clock.monotonicMs()
    const known = this.reads.get(group)
    if (!known || nowMs - known.atMs > freshMs) this.read(group, known, nowMs)
    const terms = this.reads.get(group)?.terms
    return terms === undefined ? null : (terms ?? annotatedTerms(pod))
  }

  private read(group: string, known: Read | undefined, nowMs: number): void {
    const read: Read = { terms: known?.terms, atMs: nowMs }
    this.reads.delete(group)
    this.reads.set(group, read)
    if (this.reads.size > groupsMax) {
      const oldest = this.reads.keys().next().value
      if (oldest !== undefined) this.reads.delete(oldest)
    }
    void this.fetch(group).then(terms => {
      const same = JSON.stringify(terms) === JSON.stringify(read.terms)
      read.terms = terms
      if (!same) this.context.onRead(group)
    })
  }

  private async fetch(group: string): Promise<GangTerms | null> {
    try {
      const { spec } = await this.context.client.get(podGroups, splitKey(group))
      return gangTerms(spec?.minMember, spec?.scheduleTimeoutSeconds)
    } catch (error) {
      if (!isNotFound(error)) {
        this.context.logger.debug({ group, error: String(error) }, 'pod group not read')
      }
      return null
    }
  }
}
