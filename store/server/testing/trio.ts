// Three store members in one process for tests: real disks, real sockets, real elections. A member
// can be stopped, halted as by a crash, and started again on its directory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { must } from '../../../platform/errors.js'
import { freePort } from '../../../platform/testing/free-port.js'
import { quietPlatform } from '../../../platform/testing/quiet-platform.js'
import type { StoreMember, StoreServerOptions } from '../options.js'
import { startStoreServer } from '../server.js'
import type { StoreServer } from '../server.js'

const pauseMs = 20

const pause = (): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, pauseMs)
  })

type Overrides = (member: StoreMember) => Partial<StoreServerOptions>

export class Trio {
  readonly directory = mkdtempSync(join(tmpdir(), 'raftsman-store-'))
  readonly members: readonly StoreMember[]
  readonly fatal: Error[] = []
  readonly #running = new Map<number, StoreServer>()
  readonly #overrides: Overrides

  private constructor(members: readonly StoreMember[], overrides: Overrides) {
    this.members = members
    this.#overrides = overrides
  }

  static async start(overrides: Overrides = () => ({})): Promise<Trio> {
    const members: StoreMember[] = []
    for (const id of [1, 2, 3]) {
      const peerAddress = `127.0.0.1:${await freePort()}`
      const clientAddress = `127.0.0.1:${await freePort()}`
      members.push({ id, name: `m${id}`, peerAddress, clientAddress })
    }
    const trio = new Trio(members, overrides)
    await Promise.all(members.map(({ id }) => trio.startMember(id)))
    return trio
  }

  /** Client addresses, that of the given member first. */
  endpoints(first = 1): readonly string[] {
    const sorted = this.members.toSorted((a, b) => Number(b.id === first) - Number(a.id === first))
    return sorted.map(({ clientAddress }) => clientAddress)
  }

  endpoint(id: number): string {
    return must(this.endpoints(id)[0], 'a member has an address')
  }

  server(id: number): StoreServer {
    return must(this.#running.get(id), `member ${id} runs`)
  }

  dataDirectory(id: number): string {
    return join(this.directory, `m${id}`)
  }

  async startMember(id: number): Promise<StoreServer> {
    const self = must(
      this.members.find(member => member.id === id),
      'a known member',
    )
    const server = await new Promise<StoreServer>((resolve, reject) => {
      startStoreServer(
        {
          id,
          name: self.name,
          members: this.members,
          dataDirectory: this.dataDirectory(id),
          listenClient: self.clientAddress,
          listenPeer: self.peerAddress,
          clientTls: null,
          peerTls: null,
          version: '0.0.0',
          ...quietPlatform(),
          onFatal: error => this.fatal.push(error),
          ...this.#overrides(self),
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

  stopMember(id: number): Promise<void> {
    const server = this.server(id)
    this.#running.delete(id)
    return new Promise(resolve => {
      server.stop(resolve)
    })
  }

  haltMember(id: number): Promise<void> {
    const server = this.server(id)
    this.#running.delete(id)
    return new Promise(resolve => {
      server.halt(resolve)
    })
  }

  /** Id of the member that leads in the highest term, once there is one. */
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

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await pause()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map(id => this.stopMember(id)))
    rmSync(this.directory, { recursive: true, force: true })
  }
}
