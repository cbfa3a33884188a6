// A store of one member, as a process of its own with a plain client port, its data on tmpfs where
// there is one: the same shape as a lone etcd beside it.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

import { must } from '../../../platform/errors.js'
import { testAuthority } from '../../../platform/testing/certificates.js'
import { freePort } from '../../../platform/testing/free-port.js'
import { fastDirectory } from '../../etcd/testing/etcd-process.js'

const above = resolve(import.meta.dirname, '../../..')
const projectRoot = basename(above) === 'dist' ? dirname(above) : above
const program = join(projectRoot, 'dist', 'cli', 'main.js')
const startMsMax = 60_000
const pauseMs = 25

export interface MemberOptions {
  /** Further flags of `raftsman store`. */
  readonly flags?: readonly string[]
}

export class MemberProcess {
  readonly address: string
  readonly #directory: string
  readonly #child: ChildProcess

  private constructor(address: string, directory: string, child: ChildProcess) {
    this.address = address
    this.#directory = directory
    this.#child = child
  }

  static async start({ flags = [] }: MemberOptions = {}): Promise<MemberProcess> {
    const directory = mkdtempSync(join(fastDirectory(), 'raftsman-member-'))
    const address = `127.0.0.1:${await freePort()}`
    const authority = await testAuthority(join(directory, 'pki'))
    const peer = await authority.issue('lone')
    const log = openSync(join(directory, 'log'), 'a')
    const child = spawn(
      process.execPath,
      [
        program,
        'store',
        '--name=lone',
        `--data-dir=${join(directory, 'data')}`,
        `--initial-cluster=lone=127.0.0.1:${await freePort()}/${address}`,
        '--no-tls',
        // There are no peers, but it does not start without an identity towards them.
        `--peer-cert-file=${peer.certFile}`,
        `--peer-key-file=${peer.keyFile}`,
        `--peer-ca-file=${peer.caFile}`,
        '--segment-mib=8',
        ...flags,
        // It ends with this process, however that ends.
        '--lifeline',
      ],
      { stdio: ['pipe', log, log] },
    )
    closeSync(log)
    child.stdin?.on('error', () => {})
    const member = new MemberProcess(address, directory, child)
    const endMs = performance.now() + startMsMax
    while (!(await healthy(address))) {
      if (child.exitCode !== null || performance.now() > endMs) {
        const said = member.log().slice(-2_000)
        await member.stop()
        throw new Error(`the member does not serve: ${said}`)
      }
      await new Promise<void>(done => {
        setTimeout(done, pauseMs)
      })
    }
    return member
  }

  get pid(): number {
    return must(this.#child.pid, 'it was started')
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  log(): string {
    return readFileSync(join(this.#directory, 'log'), 'utf8')
  }

  async stop(): Promise<void> {
    if (this.running) {
      const gone = new Promise<void>(done => {
        this.#child.once('exit', () => done())
      })
      this.#child.kill('SIGKILL')
      await gone
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function healthy(address: string): Promise<boolean> {
  try {
    return (await fetch(`http://${address}/health`)).ok
  } catch {
    return false
  }
}
