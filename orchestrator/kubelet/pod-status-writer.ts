// Brings a pod's status to the API server, and only when it says something new.
// Counterpart: the kubelet's status manager. Holds the newest state of the pod that is known here,
// from the watch or from the answer to our own write, whichever is later.

import type { PodStatus } from '../api/types/core-pod-status.js'
import type { Pod } from '../api/types/core-pod.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import { isNewerVersion } from '../client/resource-version.js'
import { pods } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'

const conflictRetriesMax = 4

interface Written {
  /** What we sent, and what the server made of it. */
  readonly sent: string
  readonly stored: string
}

export class PodStatusWriter {
  private readonly client: ApiClient
  private newest: Pod
  private written: Written | null = null

  constructor(client: ApiClient, pod: Pod) {
    this.client = client
    this.newest = pod
  }

  get pod(): Pod {
    return this.newest
  }

  /** True when `pod` is news. */
  offer(pod: Pod): boolean {
    const known = this.newest.metadata.resourceVersion ?? ''
    if (!isNewerVersion(pod.metadata.resourceVersion ?? '', known)) return false
    this.newest = pod
    return true
  }

  /**
   * `statusOf` is asked again after a conflict, with the newest pod. Answers false when the API
   * server has another pod of that name, or none.
   */
  async write(statusOf: (pod: Pod) => PodStatus): Promise<boolean> {
    for (let attempt = 0; ; attempt += 1) {
      const pod = this.newest
      const status = statusOf(pod)
      const sent = canonicalJson(status)
      const held = canonicalJson(pod.status ?? {})
      if (sent === held) return true
      // The server may spell a status otherwise than we do; that is no news.
      if (this.written?.sent === sent && this.written.stored === held) return true
      try {
        const stored = await this.client.updateStatus(pods, { ...pod, status })
        this.written = { sent, stored: canonicalJson(stored.status ?? {}) }
        this.offer(stored)
        return true
      } catch (error) {
        if (isNotFound(error)) return false
        if (!isConflict(error) || attempt >= conflictRetriesMax) throw error
        if (!(await this.reread())) return false
      }
    }
  }

  private async reread(): Promise<boolean> {
    const { namespace = '', name = '', uid } = this.newest.metadata
    try {
      const found = await this.client.get(pods, { namespace, name })
      if (found.metadata.uid !== uid) return false
      this.offer(found)
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }
}

/** Equal for equal values, whatever the order of their keys; undefined fields are not there. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    const sorted: Record<string, unknown> = Object.create(null)
    for (const [key, entry] of Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) {
      sorted[key] = entry
    }
    return sorted
  })
}
