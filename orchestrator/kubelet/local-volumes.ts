// The node's side of volumes that are directories of it: made before the first pod sees one, removed when nobody wants it
// any more. Driven by the volumes that name this node. Links are not followed: what is removed lies in the directory.

import type { Clock } from '../../platform/clock.js'
import { InvariantViolation, RaftsmanError } from '../../platform/errors.js'
import type { Files } from '../../platform/files.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { localVolumeFinalizer, nodeLabel } from '../api/local-volume.js'
import type { PersistentVolume } from '../api/types/core-persistent-volume.js'
import { isConflict, isNotFound } from '../client/api-error.js'
import type { EventRecorder } from '../client/event-recorder.js'
import { Informer } from '../client/informer.js'
import { objectKey, persistentVolumes } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { runWorkers, WorkQueue } from '../client/work-queue.js'
import { ownPath, planLocalVolume } from './local-volume-plan.js'
import { PodConfigError } from './pod-fields.js'

export interface LocalVolumesOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly files: Files
  readonly recorder: EventRecorder
  readonly nodeName: string
  /** Absolute; made with the first volume. */
  readonly directory: string
  /** Whether a pod of this node has it, or may have it. */
  readonly inUse: (volume: PersistentVolume) => boolean
}

const stillInUseMs = 1000
/** One at a time: a large tree keeps the disk busy enough. */
const removals = 1

export class LocalVolumes {
  private readonly options: LocalVolumesOptions
  private readonly informer: Informer<PersistentVolume>
  private readonly queue: WorkQueue

  constructor(options: LocalVolumesOptions) {
    this.options = options
    const { client, clock, random, logger, nodeName } = options
    const selection = { labelSelector: `${nodeLabel}=${nodeName}` }
    const resource = persistentVolumes
    this.informer = new Informer({ client, resource, clock, random, logger, selection })
    this.queue = new WorkQueue({ clock, retryFirstMs: 500, retryMaxMs: 60_000 })
  }

  /** Once it is known which pods this node has. */
  start(): void {
    const { logger } = this.options
    const look = (volume: PersistentVolume) => this.queue.add(objectKey(volume))
    this.informer.addHandlers({ onAdd: look, onUpdate: look })
    runWorkers(this.queue, removals, {
      work: name => this.reconcile(name),
      onError: (volume, error) => {
        if (error instanceof InvariantViolation) throw error
        if (!isConflict(error)) logger.warn({ volume, error }, 'local volume not cleaned up')
      },
    })
    this.informer.start()
  }

  stop(): void {
    this.informer.stop()
    this.queue.stop()
  }

  /** The directory of a volume of ours, made if need be. Null for one that lies elsewhere. */
  async provide(volume: PersistentVolume): Promise<string | null> {
    const { files, directory } = this.options
    const path = ownPath({ volume, directory })
    if (path === null) return null
    await files.makeDirectory(directory, 0o700)
    if ((await files.stat(path)) === null) {
      await files.makeDirectory(path, 0o700)
      // Whoever the pods run as; others do not get past the directory above.
      await files.setAccess(path, 0o777, null)
    }
    if ((await files.stat(path))?.kind === 'directory') return path
    throw new PodConfigError(`"${path}" is in the way of volume "${volume.metadata.name}"`)
  }

  private async reconcile(name: string): Promise<void> {
    const known = this.informer.objects.get(name)
    if (known === undefined || this.plan(known).kind === 'keep') return
    // Data are at stake: what counts is what the server says now.
    const volume = await this.now(name)
    if (volume === null || volume.metadata.uid !== known.metadata.uid) return
    const plan = this.plan(volume)
    switch (plan.kind) {
      case 'keep':
        return
      case 'wait':
        this.queue.addAfter(name, stillInUseMs)
        return
      case 'refuse':
        this.options.recorder.record(volume, 'Warning', 'VolumeFailedDelete', plan.message)
        return
      case 'remove':
        await this.remove(volume, plan.path)
        await this.letGo(volume)
        return
      case 'let-go':
        await this.letGo(volume)
    }
  }

  private plan(volume: PersistentVolume) {
    const { nodeName, directory, inUse } = this.options
    return planLocalVolume({ volume, nodeName, directory, inUse: inUse(volume) })
  }

  private async now(name: string): Promise<PersistentVolume | null> {
    try {
      return await this.options.client.get(persistentVolumes, { name })
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  private async remove(volume: PersistentVolume, path: string): Promise<void> {
    const { files, recorder, logger } = this.options
    try {
      await files.removeTree(path)
    } catch (error) {
      if (error instanceof RaftsmanError) {
        recorder.record(volume, 'Warning', 'VolumeFailedDelete', error.message)
      }
      throw error
    }
    logger.info({ volume: volume.metadata.name, path }, 'local volume removed')
  }

  /** The finalizer holds the volume between the two calls, and a repetition finds nothing left to remove. */
  private async letGo(volume: PersistentVolume): Promise<void> {
    const { client } = this.options
    const { name = '', uid = '', deletionTimestamp } = volume.metadata
    try {
      if (deletionTimestamp === undefined) await client.delete(persistentVolumes, { name }, { uid })
      const going = await client.get(persistentVolumes, { name })
      if (going.metadata.uid !== uid) return
      const finalizers = (going.metadata.finalizers ?? []).filter(
        one => one !== localVolumeFinalizer,
      )
      await client.update(persistentVolumes, {
        ...going,
        metadata: { ...going.metadata, finalizers },
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
