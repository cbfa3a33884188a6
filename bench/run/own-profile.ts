// A CPU profile of this process, the load generator, from when a cluster serves to when it has stopped.

import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'

import type { Profiling } from '../sides/side.js'

export class OwnProfile {
  readonly #session = new Session()
  readonly #file: string

  private constructor({ folder, label }: Profiling) {
    this.#file = join(folder, `${label}-generator.cpuprofile`)
  }

  static async start(profiling: Profiling): Promise<OwnProfile> {
    const own = new OwnProfile(profiling)
    own.#session.connect()
    await own.#session.post('Profiler.enable')
    await own.#session.post('Profiler.start')
    return own
  }

  async stop(): Promise<void> {
    const { profile } = await this.#session.post('Profiler.stop')
    this.#session.disconnect()
    writeFileSync(this.#file, JSON.stringify(profile))
  }
}
