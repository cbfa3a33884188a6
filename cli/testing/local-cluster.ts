// A cluster of real processes for tests, driven as a user would: through the built command and the
// unmodified kubectl. Every cluster has its own data directory and its own ports.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { kubectlBinaries } from '../../orchestrator/apiserver/testing/kubectl.js'
import type { StoreClient, StoreClientOptions } from '../../store/client/store-client.js'
import { clientOf } from '../../store/server/testing/clients.js'

const above = resolve(import.meta.dirname, '../..')
/** Whether this runs from sources or from dist/. */
export const projectRoot = basename(above) === 'dist' ? dirname(above) : above
/** The newest that is installed is used. */
const kubectlVersions = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33']
const program = join(projectRoot, 'dist', 'cli', 'main.js')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Status {
  readonly leader: string | null
  readonly masters: readonly {
    readonly name: string
    readonly role: string
    readonly term: number
    readonly commitIndex: number
    readonly appliedIndex: number
    readonly healthy: boolean
    readonly pids: {
      readonly store: number
      readonly apiserver: number
      readonly controllers: number
    }
  }[]
  readonly nodes: readonly {
    readonly name: string
    readonly ready: boolean
    readonly pid: number
  }[]
}

function collect(child: ChildProcess, input: string | undefined): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input ?? '')
  return new Promise((done, reject) => {
    child.once('error', reject)
    child.once('close', code => done({ code, stdout, stderr }))
  })
}

export class LocalCluster {
  readonly directory: string
  readonly #portOffset: number
  readonly #kubectl: string

  constructor(portOffset: number) {
    this.#portOffset = portOffset
    this.directory = mkdtempSync(join(tmpdir(), 'raftsman-cluster-'))
    const newestLast = kubectlBinaries(kubectlVersions).toSorted(([a], [b]) =>
      a.localeCompare(b, 'en', { numeric: true }),
    )
    this.#kubectl = newestLast.at(-1)?.[1] ?? 'kubectl'
  }

  /** The address of a port in the default plan, shifted as this cluster is. */
  address(port: number): string {
    return `127.0.0.1:${port + this.#portOffset}`
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig')
  }

  pki(name: string): string {
    return join(this.directory, 'pki', name)
  }

  /** A client of the store's first `masters` members, as its administrator. */
  storeClient(masters: number, options: Partial<StoreClientOptions> = {}): StoreClient {
    const endpoints = Array.from({ length: masters }, (_, at) =>
      this.address((at + 1) * 10_000 + 2379),
    )
    const tls = {
      certFile: this.pki('store-admin.crt'),
      keyFile: this.pki('store-admin.key'),
      caFile: this.pki('store-ca.crt'),
    }
    return clientOf(endpoints, { tls, ...options })
  }

  raftsman(args: readonly string[], input?: string): Promise<Outcome> {
    return collect(this.spawnRaftsman(args), input)
  }

  spawnRaftsman(args: readonly string[]): ChildProcess {
    const [command = '', ...rest] = args
    const own =
      command === 'kv'
        ? [command, ...rest.slice(0, 1), ...this.#own, ...rest.slice(1)]
        : [command, ...this.#own, ...rest]
    return spawn(process.execPath, [program, ...own], { cwd: projectRoot, stdio: 'pipe' })
  }

  get #own(): readonly string[] {
    return ['--data-dir', this.directory]
  }

  up(...flags: readonly string[]): Promise<Outcome> {
    return this.raftsman(['up', '--detach', '--port-offset', String(this.#portOffset), ...flags])
  }

  down(...flags: readonly string[]): Promise<Outcome> {
    return this.raftsman(['down', ...flags])
  }

  async status(): Promise<Status> {
    const { stdout, stderr } = await this.raftsman(['status', '-o', 'json'])
    if (stdout === '') throw new Error(`no status: ${stderr}`)
    return JSON.parse(stdout) as Status
  }

  kubectl(args: readonly string[], input?: string): Promise<Outcome> {
    return collect(this.spawnKubectl(args), input)
  }

  spawnKubectl(args: readonly string[]): ChildProcess {
    return spawn(this.#kubectl, args, {
      cwd: projectRoot,
      stdio: 'pipe',
      env: { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.directory },
    })
  }

  /** stdout of a kubectl call that must succeed. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args)
    if (code !== 0)
      throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
    return stdout
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.must(...args, '-o', 'json')) as T
  }

  /** Ends everything and removes the data; on failure the logs' ends are worth a look. */
  async dispose(): Promise<void> {
    await this.down('--purge')
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Ends of all component logs, for the message of a failed test. */
  logs(lines = 15): string {
    const folder = join(this.directory, 'logs')
    if (!existsSync(folder)) return ''
    return readdirSync(folder)
      .map(name => {
        const tail = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n').slice(-lines)
        return `--- ${name}\n${tail.join('\n')}`
      })
      .join('\n')
  }
}

/** Waits for a condition of the world, asking again every 200 ms; fails with what it last saw. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + withinMs
  let last: unknown = 'nothing yet'
  while (performance.now() < deadline) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
    } catch (error) {
      last = error
    }
    await new Promise(resolve => {
      setTimeout(resolve, 200)
    })
  }
  throw new Error(`${what}: not within ${withinMs} ms; last: ${String(last)}`)
}
