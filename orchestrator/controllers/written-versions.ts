// Remembers what a controller has written for a key until its informer shows it, so that a round
// never plans on a copy older than its own last write. Counterpart: the EndpointSliceTracker and
// the assume caches of Kubernetes; here one number does, since versions are comparable.

import type { KubeObject } from '../api/object.js'
import { isNewerVersion } from '../client/resource-version.js'

export class WrittenVersions {
  private readonly newest = new Map<string, string>()

  note(key: string, written: KubeObject): void {
    const version = written.metadata.resourceVersion ?? ''
    if (isNewerVersion(version, this.newest.get(key) ?? '')) this.newest.set(key, version)
  }

  /** True once the informer shows all that was noted for the key. */
  shownBy(informer: { readonly resourceVersion: string }, key: string): boolean {
    const version = this.newest.get(key)
    if (version === undefined) return true
    if (isNewerVersion(version, informer.resourceVersion)) return false
    this.newest.delete(key)
    return true
  }

  forget(key: string): void {
    this.newest.delete(key)
  }
}
