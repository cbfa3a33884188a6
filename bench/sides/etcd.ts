// The other side: a real etcd with plain ports and its own durable defaults. ETCD_BIN names another build
// than the one that the shell finds.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { must, RaftsmanError } from '../../platform/errors.js'
import { GrpcDriver } from '../clients/grpc-driver.js'
import type { Side } from './side.js'

const binary = (): string => process.env['ETCD_BIN'] ?? 'etcd'

export class NoEtcd extends RaftsmanError {
  constructor(program: string, cause: unknown) {
    super(
      `etcd is not here: "${program}" cannot be run. Install it (Debian: apt-get install etcd-server), ` +
        'or name its binary in the environment as ETCD_BIN.',
      { code: 'no-etcd', retryable: false, outcome: 'not-applied', cause },
    )
  }
}

export const etcdSide: Side = {
  name: 'etcd',
  version() {
    const { stdout, error, status } = spawnSync(binary(), ['--version'], { encoding: 'utf8' })
    if (error !== undefined || status !== 0) throw new NoEtcd(binary(), error)
    return `etcd ${/etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown'}`
  },
  launch: (member, all, profiling) => ({
    program: binary(),
    args: [
      `--name=${member.name}`,
      `--data-dir=${member.dataDirectory}`,
      `--listen-client-urls=http://${member.clientAddress}`,
      `--advertise-client-urls=http://${member.clientAddress}`,
      `--listen-peer-urls=http://${member.peerAddress}`,
      `--initial-advertise-peer-urls=http://${member.peerAddress}`,
      `--initial-cluster=${all.map(({ name, peerAddress }) => `${name}=http://${peerAddress}`).join(',')}`,
      ...(profiling === null ? [] : ['--enable-pprof']),
      '--logger=zap',
      '--log-level=error',
    ],
  }),
  async profile({ name, clientAddress }, { folder, label }, seconds) {
    const kept = async (what: string, path: string) => {
      const answer = await fetch(`http://${clientAddress}/debug/pprof/${path}`)
      const bytes = Buffer.from(await answer.arrayBuffer())
      writeFileSync(join(folder, `${label}-${name}.${what}.pb.gz`), bytes)
    }
    await kept('cpu', `profile?seconds=${Math.max(1, Math.round(seconds))}`)
    await kept('heap', 'heap')
  },
  connect: (_protocol, endpoints) => new GrpcDriver(must(endpoints[0], 'an endpoint')),
}
