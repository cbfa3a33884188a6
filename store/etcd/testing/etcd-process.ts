// A real etcd as the reference beside us: one member as a process of its own, its data on tmpfs
// where there is one, reached over loopback only.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePort } from '../../../platform/testing/free-port.js'

const startMsMax = 30_000
const pauseMs = 20
const memoryDisk = '/dev/shm'
/** etcd, until standard input closes: it ends with the process that started it, however that ends. */
const lifeline = `
exec 3<&0
etcd "$@" </dev/null 3<&- &
etcd=$!
(cat <&3 >/dev/null; kill -9 $etcd) &
wait $etcd`

const pause = (): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, pauseMs)
  })

export const fastDirectory = (): string => (existsSync(memoryDisk) ? memoryDisk : tmpdir())

export interface EtcdOptions {
  readonly name?: string
  /** Further flags of etcd. */
  readonly flags?: readonly string[]
  /** http unless told otherwise. */
  readonly scheme?: 'http' | 'https'
  /** Ports and the members of a cluster of several; a lone member when absent. */
  readonly clientPort?: number
  readonly peerPort?: number
  readonly initialCluster?: string
}

export class EtcdProcess {
  readonly name: string
  readonly address: string
  readonly directory: string
  readonly #arguments: readonly string[]
  #child: ChildProcess | null = null

  private constructor(name: string, address: string, directory: string, flags: readonly string[]) {
    this.name = name
    this.address = address
    this.directory = directory
    this.#arguments = flags
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdProcess> {
    const name = options.name ?? 'reference'
    const scheme = options.scheme ?? 'http'
    const address = `127.0.0.1:${options.clientPort ?? (await freePort())}`
    const peer = `http://127.0.0.1:${options.peerPort ?? (await freePort())}`
    const directory = mkdtempSync(join(fastDirectory(), 'raftsman-etcd-'))
    const etcd = new EtcdProcess(name, address, directory, [
      `--name=${name}`,
      `--data-dir=${join(directory, 'data')}`,
      `--listen-client-urls=${scheme}://${address}`,
      `--advertise-client-urls=${scheme}://${address}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${options.initialCluster ?? `${name}=${peer}`}`,
      '--logger=zap',
      '--log-level=error',
      ...(options.flags ?? []),
    ])
    await etcd.run()
    return etcd
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null
  }

  /** What it said, panics included. */
  log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8')
  }

  suspend(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  /** Starts it, again if it was killed; answers when its client port accepts. */
  async run(): Promise<void> {
    const log = openSync(join(this.directory, 'log'), 'a')
    // In a process group of its own, with a shell that ends it when this process is gone.
    const child = spawn('sh', ['-c', lifeline, 'sh', ...this.#arguments], {
      stdio: ['pipe', log, log],
      detached: true,
    })
    child.stdin?.on('error', () => {})
    closeSync(log)
    this.#child = child
    let failed: string | null = null
    child.once('error', error => {
      failed = error.message
    })
    child.once('exit', code => {
      failed = `it ended with ${code}`
    })
    const endMs = performance.now() + startMsMax
    while (!(await accepts(this.address))) {
      if (failed !== null || performance.now() > endMs) {
        await this.kill()
        const said = this.log().slice(-2_000)
        throw new Error(`etcd does not serve: ${failed ?? 'it is silent'}\n${said}`)
      }
      await pause()
    }
  }

  /** SIGKILL; answers when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null) return
    const gone = new Promise<void>(resolve => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
    this.#signal('SIGKILL')
    this.#child = null
    if (!ended) await gone
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  }

  /** To the whole group: the shell has no other use. */
  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch (error) {
      // All of it is gone already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

function accepts(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':')
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(port) })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
