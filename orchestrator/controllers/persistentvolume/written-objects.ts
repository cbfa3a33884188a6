// The objects of an informer, with those that this process has just written in their newest state. A round so never picks
// a volume that the round before has given away. Counterpart: the caches that the volume binder of Kubernetes writes to.

import type { KubeObject } from '../../api/object.js'
import type { Informer } from '../../client/informer.js'
import { isNewerVersion } from '../../client/resource-version.js'
import { objectKey } from '../../client/resources.js'

export class WrittenObjects<T extends KubeObject> {
  private readonly informer: Pick<Informer<T>, 'objects' | 'resourceVersion'>
  /** Only what the informer does not show yet, which is what was written within moments. */
  private readonly newer = new Map<string, T>()

  constructor(informer: Pick<Informer<T>, 'objects' | 'resourceVersion'>) {
    this.informer = informer
  }

  note(written: T): void {
    this.newer.set(objectKey(written), written)
  }

  /** The server does not know it any more, or not in this state. */
  forget(key: string): void {
    this.newer.delete(key)
  }

  get(key: string): T | undefined {
    this.dropShown()
    return this.newer.get(key) ?? this.informer.objects.get(key)
  }

  list(): readonly T[] {
    this.dropShown()
    const shown = this.informer.objects.list()
    if (this.newer.size === 0) return shown
    const others = shown.filter(object => !this.newer.has(objectKey(object)))
    return [...others, ...this.newer.values()]
  }

  private dropShown(): void {
    for (const [key, { metadata }] of this.newer) {
      const { resourceVersion = '' } = metadata
      if (!isNewerVersion(resourceVersion, this.informer.resourceVersion)) this.newer.delete(key)
    }
  }
}
