// Store members of one cluster that come and go, in one process: real disks, sockets and elections. The
// first ones found the cluster, further ones join it. A member can be stopped, halted as by a crash, and
// started again on its directory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { must } from '../../../platform/errors.js'
import { freePort } from '../../../platform/testing/free-port.js'
import { quietPlatform } from '../../../platform/testing/quiet-platform.js'
import type { StoreMember, StoreServerOptions } from '../options.js'
import { deriveClusterId } from '../options.js'
import type { StoreServer } from '../server.js'
import { startStoreServer } from '../server.js'

const pauseMs = 20

export const pause = (): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, pauseMs)
  })

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause()
}

type Overrides = (member: StoreMember) => Partial<StoreServerOptions>

export class Fleet {
  readonly directory = mkdtempSync(join(tmpdir(), 'raftsman-fleet-'))
  readonly members = new Map<number, StoreMember>()
  readonly fatal: Error[] = []
  /** Who was told of its removal. */
  readonly removed: number[] = []
  readonly #running = new Map<number, StoreServer>()
  readonly #founders: readonly StoreMember[]
  readonly #overrides: Overrides

  private constructor(founders: readonly StoreMember[], overrides: Overrides) {
    this.#founders = founders
    this.#overrides = overrides
    for (const member of founders) this.members.set(member.id, member)
  }

  static async found(size: number, overrides: Overrides = () => ({})): Promise<Fleet> {
    const founders: StoreMember[] = []
    for (let id = 1; id <= size; id += 1) founders.push(await planned(id))
    const fleet = new Fleet(founders, overrides)
    await Promise.all(founders.map(({ id }) => fleet.start(id)))
    return fleet
  }

  /** One more, that is not started yet. */
  async plan(id: number): Promise<StoreMember> {
    const member = await planned(id)
    this.members.set(id, member)
    return member
  }

  get clusterId(): number {
    return deriveClusterId(this.#founders)
  }

  server(id: number): StoreServer {
    return must(this.#running.get(id), `m${id} runs`)
  }

  member(id: number): StoreMember {
    return must(this.members.get(id), 'a known member')
  }

  dataDirectory(id: number): string {
    return join(this.directory, `m${id}`)
  }

  /** Client address of a member. */
  endpoint(id: number): string {
    return this.member(id).clientAddress
  }

  /** Client addresses of those that run, that of the given member first. */
  endpoints(first = 1): readonly string[] {
    const ids = [...this.#running.keys()].sort((a, b) => Number(b === first) - Number(a === first))
    return ids.map(id => this.endpoint(id))
  }

  async start(id: number, overrides: Partial<StoreServerOptions> = {}): Promise<StoreServer> {
    const self = this.member(id)
    const joins = !this.#founders.some(founder => founder.id === id)
    const server = await new Promise<StoreServer>((resolve, reject) => {
      startStoreServer(
        {
          id,
          name: self.name,
          members: joins ? [self, ...this.#founders] : this.#founders,
          join: joins,
          clusterId: this.clusterId,
          dataDirectory: this.dataDirectory(id),
          listenClient: self.clientAddress,
          listenPeer: self.peerAddress,
          clientTls: null,
          peerTls: null,
          tickMs: 50,
          version: '0.0.0',
          ...quietPlatform(),
          onRemoved: () => this.removed.push(id),
          onFatal: error => this.fatal.push(error),
          ...this.#overrides(self),
          ...overrides,
        },
        (error, started) => {
          if (error !== null || started === undefined) reject(error ?? new Error('no server'))
          else resolve(started)
        },
      )
    })
    this.#running.set(id, server)
    return server
  }

  halt(id: number): Promise<void> {
    const server = this.server(id)
    this.#running.delete(id)
    return new Promise(resolve => {
      server.halt(resolve)
    })
  }

  stop(id: number): Promise<void> {
    const server = this.server(id)
    this.#running.delete(id)
    return new Promise(resolve => {
      server.stop(resolve)
    })
  }

  async leader(): Promise<number> {
    for (;;) {
      const leading = [...this.#running]
        .map(([id, server]) => ({ id, ...server.status() }))
        .filter(({ role }) => role === 'leader')
        .sort((a, b) => b.raftTerm - a.raftTerm)[0]
      if (leading !== undefined) return leading.id
      await pause()
    }
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(id => this.stop(id)))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

async function planned(id: number): Promise<StoreMember> {
  const peerAddress = `127.0.0.1:${await freePort()}`
  const clientAddress = `127.0.0.1:${await freePort()}`
  return { id, name: `m${id}`, peerAddress, clientAddress }
}
