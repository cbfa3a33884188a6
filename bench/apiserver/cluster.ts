// The cluster that is measured: three masters without nodes, every process with the probe in it, and
// connections of the administrator to its API servers.

import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalCluster } from '../../cli/testing/local-cluster.js'
import { must } from '../../platform/errors.js'
import { costOf } from '../harness/processes.js'
import { Connection } from './connection.js'
import type { Turn } from './probe.js'

const portOffset = 4_000
const firstApiPort = 16_443
/** Until a process has written its profile. */
const profileWriteMs = 5_000

export interface Measured {
  readonly name: string
  readonly pid: number
}

export class MeasuredCluster {
  readonly #cluster = new LocalCluster(portOffset)
  readonly #probes = mkdtempSync(join(tmpdir(), 'raftsman-probes-'))
  readonly #masters: number
  #processes: readonly Measured[] = []

  constructor(masters: number) {
    this.#masters = masters
  }

  async start(): Promise<void> {
    const probe = new URL('./probe.js', import.meta.url)
    probe.searchParams.set('folder', this.#probes)
    process.env['NODE_OPTIONS'] = `--import=${probe.href}`
    const { code, stderr } = await this.#cluster.up(
      '--masters',
      String(this.#masters),
      '--nodes',
      '0',
    )
    delete process.env['NODE_OPTIONS']
    if (code !== 0) throw new Error(stderr)
    const { masters } = await this.#cluster.status()
    this.#processes = masters.flatMap(({ name, pids }) =>
      Object.entries(pids).map(([part, pid]) => ({ name: `${part}-${name}`, pid })),
    )
  }

  /** What the probes wrote stays when `keep`. */
  async stop(keep = false): Promise<void> {
    await this.#cluster.dispose()
    if (!keep) rmSync(this.#probes, { recursive: true, force: true })
  }

  /** Names of processes that have ended, as "apiserver-master-1", though nobody told them to. */
  get ended(): readonly string[] {
    return this.#processes.filter(({ pid }) => costOf(pid) === null).map(({ name }) => name)
  }

  /** Ends of the logs of all components. */
  logs(lines: number): string {
    return this.#cluster.logs(lines)
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid)
  }

  /** Of a part of every master: store, apiserver, controllers. */
  processesOf(part: string): readonly Measured[] {
    return this.#processes.filter(({ name }) => name.startsWith(`${part}-`))
  }

  /** The administrator's, PEM. */
  identity(): { readonly cert: string; readonly key: string; readonly ca: string } {
    const file = (name: string) => readFileSync(this.#cluster.pki(name), 'utf8')
    return { cert: file('admin.crt'), key: file('admin.key'), ca: file('ca.crt') }
  }

  /** URLs of all API servers, beginning with one of them. */
  apiservers(first: number): readonly string[] {
    return Array.from({ length: this.#masters }, (_, at) => `https://${this.#api(first + at)}`)
  }

  #api(at: number): string {
    return this.#cluster.address(firstApiPort + (at % this.#masters) * 10_000)
  }

  /** In turn to one master after the other. */
  async connect(count: number): Promise<readonly Connection[]> {
    const tls = this.identity()
    const connections: Connection[] = []
    for (let at = 0; at < count; at++) {
      const [host = '', port] = this.#api(at).split(':')
      connections.push(await Connection.open({ host, port: Number(port), ...tls }))
    }
    return connections
  }

  /**
   * The longest turn of the event loops of a part since a moment, by what it lasted and by what it worked, and
   * the longest pause of garbage collection.
   */
  longestTurn(part: string, sinceWallMs: number): Omit<Turn, 'atMs'> {
    let wallMs = 0
    let busyMs = 0
    let collectionMs = 0
    for (const file of readdirSync(this.#probes)) {
      if (!file.startsWith(`${part}-`) || !file.endsWith('.turns')) continue
      for (const line of readFileSync(join(this.#probes, file), 'utf8').split('\n')) {
        if (line === '') continue
        const turn = JSON.parse(line) as Turn
        if (turn.atMs < sinceWallMs) continue
        wallMs = Math.max(wallMs, turn.wallMs)
        busyMs = Math.max(busyMs, Math.min(turn.busyMs, turn.wallMs))
        collectionMs = Math.max(collectionMs, turn.collectionMs)
      }
    }
    return { wallMs, busyMs, collectionMs }
  }

  /** The first call begins profiles of all processes, the second writes them. */
  toggleProfiles(): void {
    for (const { pid } of this.#processes) process.kill(pid, 'SIGUSR2')
  }

  /** Ends profiles, and keeps each under the name of what was profiled: "WHAT-PART-MASTER.cpuprofile". */
  async saveProfiles(what: string): Promise<void> {
    this.toggleProfiles()
    await new Promise(resolve => {
      setTimeout(resolve, profileWriteMs)
    })
    for (const { name } of this.#processes) {
      const file = join(this.#probes, `${name}.cpuprofile`)
      if (existsSync(file)) renameSync(file, join(this.#probes, `${what}-${name}.cpuprofile`))
    }
  }

  get probesFolder(): string {
    return this.#probes
  }

  first(connections: readonly Connection[]): Connection {
    return must(connections[0], 'there are connections')
  }
}
