// Members of one side on loopback, as processes, their data on a real disk; what scenarios do to them, and
// what the report wants to know of them. Both sides are asked through etcd's API, which both speak.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { must, RaftsmanError } from '../../platform/errors.js'
import { freePort } from '../../platform/testing/free-port.js'
import { StatusRequest, StatusResponse } from '../../store/etcd/messages/maintenance.js'
import type { Driver } from '../clients/driver.js'
import { GrpcConnection } from '../clients/grpc.js'
import type { Stop } from '../harness/load.js'
import { Member } from './member.js'
import type { MemberPlace, Profiling, Protocol, Side } from './side.js'

const startMsMax = 60_000
const stopMsMax = 30_000
const startAttemptsMax = 3
const pollMs = 25
const answerMsMax = 2_000

export interface ClusterOptions {
  readonly members: number
  /** Below which members keep their data; it is theirs until they are stopped. */
  readonly parent: string
  /** Beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** Members leave profiles there. */
  readonly profiling?: Profiling
  /** Whoever waits for members then waits no longer. */
  readonly stop?: Stop
}

const pause = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms)
  })

export class Cluster {
  readonly side: Side
  /** Ends of members that nobody had asked for. */
  readonly surprises: string[] = []
  /** What a reader of the figures should know. */
  readonly notes: string[] = []
  readonly #directory: string
  readonly #stop: Stop | null
  readonly #profiling: Profiling | null
  readonly #profiles: Promise<void>[] = []
  readonly #members: Member[] = []
  readonly #drivers: Driver[] = []

  private constructor(side: Side, directory: string, { stop, profiling }: ClusterOptions) {
    this.side = side
    this.#directory = directory
    this.#stop = stop ?? null
    this.#profiling = profiling ?? null
  }

  /** Answers when every member serves and knows the leader. */
  static async start(side: Side, options: ClusterOptions): Promise<Cluster> {
    for (let attempt = 1; ; attempt += 1) {
      const directory = mkdtempSync(join(options.parent, `raftsman-bench-${side.name}-`))
      const cluster = new Cluster(side, directory, options)
      try {
        await cluster.#found(options)
        return cluster
      } catch (error) {
        await cluster.stop()
        // A port was free when it was looked at, and is not ours to keep until a member listens.
        const unlucky = cluster.surprises.some(said => said.includes('address already in use'))
        if (!unlucky || attempt === startAttemptsMax) throw error
      }
    }
  }

  async #found({ members, environment = {} }: ClusterOptions): Promise<void> {
    const ports = await freePorts(2 * members)
    const address = (at: number) => `127.0.0.1:${must(ports[at], 'a port for every listener')}`
    const places = Array.from({ length: members }, (_, at): MemberPlace => {
      const name = `m${at + 1}`
      const dataDirectory = join(this.#directory, name)
      const [peerAddress, clientAddress] = [address(2 * at), address(2 * at + 1)]
      return { name, peerAddress, clientAddress, dataDirectory }
    })
    for (const place of places) {
      const launch = this.side.launch(place, places, this.#profiling)
      this.#members.push(
        new Member(place, launch, this.#directory, environment, sentence =>
          this.surprises.push(sentence),
        ),
      )
    }
    await Promise.all(this.#members.map(member => member.start()))
    await this.serving()
  }

  get size(): number {
    return this.#members.length
  }

  pids(): readonly number[] {
    return this.#members.flatMap(({ pid }) => (pid === null ? [] : [pid]))
  }

  /** Of the member at `first`, then of all others. */
  endpoints(first: number): readonly string[] {
    const addresses = this.#members.map(({ place }) => place.clientAddress)
    return [...addresses.slice(first), ...addresses.slice(0, first)]
  }

  /** One connection, to the member at `at` while that is well. Closed with the cluster at the latest. */
  connect(protocol: Protocol, at: number): Driver {
    const driver = this.side.connect(protocol, this.endpoints(at))
    this.#drivers.push(driver)
    return driver
  }

  /** Where the leader stands in the order of members; null when those that run know of none. */
  async leaderNow(): Promise<number | null> {
    const statuses = await Promise.all(this.#members.map(member => statusOf(member)))
    const at = statuses.findIndex(
      status => status !== null && status.leader !== 0 && status.header?.memberId === status.leader,
    )
    return at === -1 ? null : at
  }

  async leader(): Promise<number> {
    return this.#until('a leader', () => this.leaderNow())
  }

  /** Until all members that should run serve and know one leader. */
  async serving(): Promise<void> {
    await this.#until('all members that serve', async () => {
      const running = this.#members.filter(({ pid }) => pid !== null)
      const statuses = await Promise.all(running.map(member => statusOf(member)))
      const leaders = new Set(statuses.map(status => status?.leader ?? 0))
      return leaders.size === 1 && !leaders.has(0) ? true : null
    })
  }

  /** SIGKILL. */
  kill(at: number): Promise<void> {
    return this.#member(at).kill()
  }

  /** Again, over the data that it has. */
  start(at: number): Promise<void> {
    return this.#member(at).start()
  }

  suspend(at: number): void {
    this.#member(at).suspend()
  }

  resume(at: number): void {
    this.#member(at).resume()
  }

  /** Of all members together. */
  diskBytes(): number {
    let bytes = 0
    for (const { place } of this.#members) {
      const entries = readdirSync(place.dataDirectory, { recursive: true, withFileTypes: true })
      for (const entry of entries) {
        if (entry.isFile()) bytes += sizeOf(join(entry.parentPath, entry.name))
      }
    }
    return bytes
  }

  /** Times that members have synced their logs so far, by their own count; null when one does not tell. */
  async walSyncs(): Promise<number | null> {
    const counts = await Promise.all(this.#members.map(({ place }) => walSyncsOf(place)))
    return counts.reduce<number | null>(
      (sum, count) => (sum === null || count === null ? null : sum + count),
      0,
    )
  }

  /** The window of so many seconds opens now: where profiles are wanted, they begin. */
  profile(seconds: number): void {
    const profiling = this.#profiling
    if (profiling === null || this.side.profile === undefined) return
    for (const { place } of this.#members) {
      const taken = this.side.profile(place, profiling, seconds).catch((error: unknown) => {
        this.notes.push(`no profile of ${place.name}: ${String(error)}`)
      })
      this.#profiles.push(taken)
    }
  }

  /** At once, for what they hold is not wanted any more; in good order where profiles are. */
  async stop(): Promise<void> {
    for (const driver of this.#drivers) driver.close()
    await Promise.all(this.#profiles)
    if (this.#profiling !== null) {
      await Promise.all(this.#members.map(member => member.stop(stopMsMax)))
    }
    await Promise.all(this.#members.map(member => member.kill()))
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }

  async #until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
    const endMs = performance.now() + startMsMax
    for (;;) {
      const found = await look()
      if (found !== null) return found
      if (this.#stop?.stopped === true) throw new SideFailed('ended before it was done')
      const [surprise] = this.surprises
      if (surprise !== undefined) throw new SideFailed(`${this.side.name}: ${surprise}`)
      if (performance.now() > endMs) {
        const said = this.#members.map(member => member.log()).join('\n')
        throw new SideFailed(`${this.side.name}: ${what} did not come in ${startMsMax} ms\n${said}`)
      }
      await pause(pollMs)
    }
  }

  #member(at: number): Member {
    return must(this.#members[at], 'a member there is')
  }
}

export class SideFailed extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'side-failed', retryable: true, outcome: 'not-applied' })
  }
}

/** All different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

function sizeOf(file: string): number {
  try {
    // What it takes on the disk: room that is only reserved counts as well as it does for df.
    return statSync(file).blocks * 512
  } catch {
    // Removed in between.
    return 0
  }
}

/** Null when it does not answer. */
async function statusOf({ place, pid }: Member) {
  if (pid === null) return null
  const connection = new GrpcConnection(place.clientAddress)
  try {
    const asked = connection.call('/etcdserverpb.Maintenance/Status', StatusRequest.encode({}))
    const answer = await Promise.race([asked, pause(answerMsMax).then(() => null)])
    return answer === null ? null : StatusResponse.decode(answer, { rounded: true })
  } catch {
    return null
  } finally {
    connection.close()
  }
}

async function walSyncsOf({ clientAddress }: MemberPlace): Promise<number | null> {
  try {
    const answer = await fetch(`http://${clientAddress}/metrics`, {
      signal: AbortSignal.timeout(answerMsMax),
    })
    const line = /^etcd_disk_wal_fsync_duration_seconds_count (\S+)$/m.exec(await answer.text())
    return line === null ? null : Number(line[1])
  } catch {
    return null
  }
}
