// A real etcd of one member, for tests that compare.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../platform/testing/free-port.js'

export interface RealEtcd {
  readonly address: string
  stop(): Promise<void>
}

export async function startRealEtcd(flags: readonly string[] = []): Promise<RealEtcd> {
  const directory = mkdtempSync(join(tmpdir(), 'raftsman-etcd-'))
  const client = `127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const child = spawn(
    'etcd',
    [
      '--name=real',
      `--data-dir=${directory}`,
      '--log-level=error',
      `--listen-client-urls=http://${client}`,
      `--advertise-client-urls=http://${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=real=${peer}`,
      ...flags,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const serves = async (): Promise<boolean> => {
    try {
      const answer = await fetch(`http://${client}/health`)
      return (await answer.text()).includes('true')
    } catch {
      return false
    }
  }
  while (!(await serves())) {
    if (child.exitCode !== null) throw new Error(`etcd ended with code ${child.exitCode}`)
    await new Promise(resolve => {
      setTimeout(resolve, 20)
    })
  }
  return {
    address: client,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
