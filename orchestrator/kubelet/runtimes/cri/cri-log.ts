// The log of one run as a CRI runtime writes it: one file, whole lines in the CRI's format. Counterpart: the kubelet's
// ContainerLogManager, which puts a file that has grown too large aside and has the runtime begin another.
//
//   0.log.1  (10 MiB, kept)      0.log  (being written)

import type { Clock } from '../../../../platform/clock.js'
import type { Files } from '../../../../platform/files.js'
import type { LogSource } from '../../logs/log-reader.js'
import { dirname } from 'node:path'

export interface CriLogOptions {
  readonly files: Files
  readonly clock: Clock
  /** Of the file that the runtime writes. */
  readonly path: string
  /** The container has ended, and all it wrote is in the file. */
  readonly ended: () => boolean
  /** Has the runtime open the path anew. */
  readonly reopen: () => Promise<void>
}

/** Notices of the file system may be lost; this is how late lines come then. */
const lookMs = 1_000

export class CriLog implements LogSource {
  extent: { readonly generation: number; readonly size: number } = { generation: 0, size: 0 }
  complete = false
  private readonly options: CriLogOptions
  private rotating = false

  constructor(options: CriLogOptions) {
    this.options = options
  }

  generationPath(generation: number): string {
    const { path } = this.options
    // Put aside, and not begun anew yet: what is written still goes there.
    const aside = generation < this.extent.generation || this.rotating
    return aside ? previousPath(path) : path
  }

  /** Takes notice of what was written. False where there is no log. */
  async look(): Promise<boolean> {
    const { files, path, ended } = this.options
    // Asked before the size, so that with the end all of the size is known.
    const complete = ended()
    if (this.extent.generation === 0 && !this.rotating) {
      const previous = await files.stat(previousPath(path))
      if (previous !== null) this.extent = { generation: 1, size: 0 }
    }
    const { generation } = this.extent
    const found = await files.stat(this.generationPath(generation))
    if (found === null) return false
    if (generation === this.extent.generation) this.extent = { generation, size: found.bytes }
    this.complete = complete
    return true
  }

  /** Resolves with the next growth, or the end of the container. */
  async changed(signal: AbortSignal): Promise<void> {
    const { files, path, clock } = this.options
    const before = this.extent
    for (;;) {
      const noticed = new Promise<void>(resolve => {
        const done = (): void => {
          watch.close()
          timer.cancel()
          signal.removeEventListener('abort', done)
          resolve()
        }
        const watch = files.watch(dirname(path), done)
        const timer = clock.setTimer(lookMs, done)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
      })
      await this.look()
      if (this.isPast(before) || signal.aborted) return
      await noticed
    }
  }

  /** Puts the file aside once it is larger than that, and lets go of the one before. */
  async rotate(bytesMax: number): Promise<void> {
    const { files, path, reopen } = this.options
    if (this.options.ended()) return
    if ((await files.stat(path)) === null && (await files.stat(previousPath(path))) !== null) {
      // Put aside by a kubelet that did not come to the second half.
      await reopen()
    }
    if (!(await this.look()) || this.complete || this.extent.size < bytesMax) return
    this.rotating = true
    try {
      await files.rename(path, previousPath(path))
      await reopen()
      this.extent = { generation: this.extent.generation + 1, size: 0 }
    } catch (error) {
      // Where nothing was begun anew, the next try must find it as it was.
      if ((await files.stat(path)) === null) await files.rename(previousPath(path), path)
      throw error
    } finally {
      this.rotating = false
    }
  }

  private isPast(before: CriLog['extent']): boolean {
    const { generation, size } = this.extent
    return this.complete || generation > before.generation || size > before.size
  }
}

export const previousPath = (path: string): string => `${path}.1`
