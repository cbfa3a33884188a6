// Three store members as processes of their own, as on three machines: `raftsman store` over real
// disks and mutual TLS. A test may kill, pause and start them; one that ends by itself is a failure.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

import { must } from '../../../platform/errors.js'
import type { TlsFiles } from '../../../platform/network.js'
import { testAuthority } from '../../../platform/testing/certificates.js'
import type { TestAuthority } from '../../../platform/testing/certificates.js'
import { freePort } from '../../../platform/testing/free-port.js'
import type { StoreClientOptions } from '../../client/store-client.js'
import type { StoreClient } from '../../client/store-client.js'
import type { MemberStatus } from '../../core/types.js'
import { clientOf } from './clients.js'

const above = resolve(import.meta.dirname, '../../..')
const projectRoot = basename(above) === 'dist' ? dirname(above) : above
export const program = join(projectRoot, 'dist', 'cli', 'main.js')
const pauseMs = 25
const startMsMax = 60_000

export const memberIds = [1, 2, 3] as const

export const pause = (ms = pauseMs): Promise<void> =>
  new Promise(done => {
    setTimeout(done, ms)
  })

interface Member {
  readonly id: number
  readonly name: string
  readonly peerAddress: string
  readonly clientAddress: string
  readonly identity: TlsFiles
  process: ChildProcess | null
  paused: boolean
}

export interface ProcessOptions {
  /** Further flags of every member. */
  readonly flags: readonly string[]
  /** Where a member keeps its data, when not below `directory`. */
  readonly dataDirectory?: (id: number) => string
}

export interface Joiner {
  readonly endpoint: string
  /** Its exit code. */
  readonly ended: Promise<number | null>
  readonly log: () => string
}

export class StoreProcesses {
  readonly directory = mkdtempSync(join(tmpdir(), 'raftsman-processes-'))
  /** Ends of processes that nobody had asked for. */
  readonly surprises: string[] = []
  readonly #members: readonly Member[]
  readonly #options: ProcessOptions
  readonly #clients: StoreClient[] = []
  readonly #clientIdentity: TlsFiles
  readonly #joiners: ChildProcess[] = []
  #certificates = ''
  #authority: TestAuthority | null = null

  private constructor(
    members: readonly Omit<Member, 'identity'>[],
    identities: readonly TlsFiles[],
    clientIdentity: TlsFiles,
    options: ProcessOptions,
  ) {
    this.#members = members.map((member, at) => ({
      ...member,
      identity: must(identities[at], 'every member has an identity'),
    }))
    this.#clientIdentity = clientIdentity
    this.#options = options
  }

  /** All three, not necessarily with a leader yet. */
  static async start(options: ProcessOptions): Promise<StoreProcesses> {
    const members: Omit<Member, 'identity'>[] = []
    for (const id of memberIds) {
      const peerAddress = `127.0.0.1:${await freePort()}`
      const clientAddress = `127.0.0.1:${await freePort()}`
      const name = `m${id}`
      members.push({ id, name, peerAddress, clientAddress, process: null, paused: false })
    }
    const certificates = mkdtempSync(join(tmpdir(), 'raftsman-certificates-'))
    const authority = await testAuthority(certificates)
    const identities: TlsFiles[] = []
    for (const { name } of members) identities.push(await authority.issue(name))
    const client = await authority.issue('client')
    const processes = new StoreProcesses(members, identities, client, options)
    processes.#certificates = certificates
    processes.#authority = authority
    for (const id of memberIds) processes.startMember(id)
    await Promise.all(memberIds.map(id => processes.serves(id)))
    return processes
  }

  dataDirectory(id: number): string {
    return this.#options.dataDirectory?.(id) ?? join(this.directory, `m${id}`)
  }

  logFile(id: number): string {
    return join(this.directory, `m${id}.log`)
  }

  log(id: number): string {
    return readFileSync(this.logFile(id), 'utf8')
  }

  pid(id: number): number {
    return must(this.#member(id).process?.pid, `m${id} runs`)
  }

  runs(id: number): boolean {
    return this.#member(id).process !== null
  }

  paused(id: number): boolean {
    return this.#member(id).paused
  }

  startMember(id: number): void {
    const member = this.#member(id)
    if (member.process !== null) return
    const list = this.#members.map(
      ({ name, peerAddress, clientAddress }) => `${name}=${peerAddress}/${clientAddress}`,
    )
    const { certFile, keyFile, caFile } = member.identity
    const tls = (prefix: string) => [
      `--${prefix}cert-file=${certFile}`,
      `--${prefix}key-file=${keyFile}`,
      `--${prefix}ca-file=${caFile}`,
    ]
    const log = openSync(this.logFile(id), 'a')
    const child = spawn(
      process.execPath,
      [
        program,
        'store',
        `--name=${member.name}`,
        `--data-dir=${this.dataDirectory(id)}`,
        `--initial-cluster=${list.join(',')}`,
        // It ends with this process, however that ends.
        '--lifeline',
        ...tls(''),
        ...tls('peer-'),
        ...this.#options.flags,
      ],
      { stdio: ['pipe', log, log] },
    )
    closeSync(log)
    child.stdin?.on('error', () => {})
    member.process = child
    member.paused = false
    child.once('exit', (code, signal) => {
      if (member.process !== child) return
      member.process = null
      this.surprises.push(`m${id} ended by itself (${code ?? signal})`)
    })
  }

  /** One more, by `--join` and the flags. Ended with the cluster, if it has not ended by itself. */
  async join(name: string, flags: readonly string[]): Promise<Joiner> {
    const authority = must(this.#authority, 'processes that run have an authority')
    const { certFile, keyFile, caFile } = await authority.issue(name)
    const tls = ['', 'peer-'].flatMap(prefix => [
      `--${prefix}cert-file=${certFile}`,
      `--${prefix}key-file=${keyFile}`,
      `--${prefix}ca-file=${caFile}`,
    ])
    const endpoint = `127.0.0.1:${await freePort()}`
    const logFile = join(this.directory, `${name}.log`)
    const log = openSync(logFile, 'a')
    const child = spawn(
      process.execPath,
      [
        program,
        'store',
        `--name=${name}`,
        `--data-dir=${join(this.directory, name)}`,
        `--listen-client=${endpoint}`,
        `--listen-peer=127.0.0.1:${await freePort()}`,
        `--join=${this.endpoints(1).join(',')}`,
        '--lifeline',
        ...tls,
        ...this.#options.flags,
        ...flags,
      ],
      { stdio: ['pipe', log, log] },
    )
    closeSync(log)
    child.stdin?.on('error', () => {})
    this.#joiners.push(child)
    const ended = new Promise<number | null>(done => {
      child.once('exit', code => done(code))
    })
    return { endpoint, ended, log: () => readFileSync(logFile, 'utf8') }
  }

  /** SIGKILL; answers when the process is gone. */
  async kill(id: number): Promise<void> {
    await this.#end(id, 'SIGKILL')
  }

  /** SIGTERM: in good order. */
  async stop(id: number): Promise<void> {
    this.resume(id)
    await this.#end(id, 'SIGTERM')
  }

  suspend(id: number): void {
    const member = this.#member(id)
    member.process?.kill('SIGSTOP')
    member.paused = member.process !== null
  }

  resume(id: number): void {
    const member = this.#member(id)
    if (!member.paused) return
    member.process?.kill('SIGCONT')
    member.paused = false
  }

  endpoint(id: number): string {
    return this.#member(id).clientAddress
  }

  /** Client addresses, that of the given member first. */
  endpoints(first: number): readonly string[] {
    const others = memberIds.filter(id => id !== first)
    return [first, ...others].map(id => this.endpoint(id))
  }

  /** Of a client that the members know, for tools that are told by files. */
  get clientIdentity(): TlsFiles {
    return this.#clientIdentity
  }

  /** GET over the client port. Rejects when the member does not answer. */
  http(id: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
    const { certFile, keyFile, caFile } = this.#clientIdentity
    const [cert, key, ca] = [certFile, keyFile, caFile].map(file => readFileSync(file))
    return new Promise((resolve, reject) => {
      const url = `https://${this.endpoint(id)}${path}`
      const asked = request(url, { cert, key, ca, agent: false }, answer => {
        let body = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => {
          body += part
        })
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  /** Closed with the cluster. */
  client(endpoints: readonly string[], options: Partial<StoreClientOptions> = {}): StoreClient {
    const client = clientOf(endpoints, { tls: this.#clientIdentity, ...options })
    this.#clients.push(client)
    return client
  }

  /** Of the members that answer. */
  async statuses(ofIds: readonly number[] = memberIds): Promise<readonly MemberStatus[]> {
    const asked = ofIds.filter(id => this.runs(id) && !this.paused(id))
    const answers = await Promise.allSettled(
      asked.map(async id => {
        const client = clientOf([this.endpoint(id)], {
          tls: this.#clientIdentity,
          requestTimeoutMs: 1_000,
        })
        try {
          return await client.status()
        } finally {
          client.close()
        }
      }),
    )
    return answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
  }

  /** Id of the leader in the highest term among those that run; null when none leads now. */
  async leaderNow(): Promise<number | null> {
    const leading = (await this.statuses())
      .filter(({ role }) => role === 'leader')
      .sort((a, b) => b.raftTerm - a.raftTerm)[0]
    return leading?.header.memberId ?? null
  }

  async leader(): Promise<number> {
    for (;;) {
      const leader = await this.leaderNow()
      if (leader !== null) return leader
      await pause()
    }
  }

  /** The member's client port answers. */
  async serves(id: number): Promise<void> {
    const endMs = performance.now() + startMsMax
    while ((await this.statuses([id])).length === 0) {
      if (performance.now() > endMs)
        throw new Error(`m${id} does not serve: ${this.log(id).slice(-2_000)}`)
      await pause()
    }
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.close()
    for (const child of this.#joiners) child.kill('SIGKILL')
    await Promise.all(memberIds.map(id => this.kill(id)))
    rmSync(this.#certificates, { recursive: true, force: true })
    rmSync(this.directory, { recursive: true, force: true })
  }

  async #end(id: number, signal: NodeJS.Signals): Promise<void> {
    const member = this.#member(id)
    const child = member.process
    if (child === null) return
    member.process = null
    member.paused = false
    const ended = new Promise<number | null>(done => {
      child.once('exit', code => done(code))
    })
    child.kill(signal)
    const code = await ended
    if (signal === 'SIGTERM' && code !== 0) this.surprises.push(`m${id} stopped with ${code}`)
  }

  #member(id: number): Member {
    return must(this.#members[id - 1], `m${id} is a member`)
  }
}
