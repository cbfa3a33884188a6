// The two clusters that golden scripts of etcdctl are replayed against: three members each as processes,
// mutual TLS on every port of clients, cheap passwords, and a quota that one large value passes. Beside
// each there is another one without users, and a lone member without TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { TlsFiles } from '../../../platform/network.js'
import { testAuthority } from '../../../platform/testing/certificates.js'
import { freePort } from '../../../platform/testing/free-port.js'
import { MemberProcess } from '../../server/testing/member-process.js'
import { program, StoreProcesses } from '../../server/testing/store-processes.js'
import { EtcdProcess } from './etcd-process.js'
import { EtcdTrio } from './etcd-trio.js'
import type { ScriptCluster } from './etcdctl-script.js'

/** Above what scripts store, below the one value that is too much. */
const quotaFlag = '--quota-backend-bytes=1400000'

export interface RunningCluster extends ScriptCluster {
  end(): Promise<void>
}

const urls = (addresses: readonly string[]): readonly string[] =>
  addresses.map(address => `https://${address}`)

const etcdctlFlags = ({ caFile, certFile, keyFile }: TlsFiles): readonly string[] => [
  `--cacert=${caFile}`,
  `--cert=${certFile}`,
  `--key=${keyFile}`,
]

const clientNames = (endpoints: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(endpoints.map((url, at) => [`client${at + 1}`, url]))

const namesOf = (
  directory: string,
  peer: string,
  other: string,
  { caFile, certFile, keyFile }: TlsFiles,
) => ({
  dir: directory,
  peer4: peer,
  other,
  'other-ca': caFile,
  'other-cert': certFile,
  'other-key': keyFile,
})

export async function startOurs(): Promise<RunningCluster> {
  const flags = ['--password-cost=10', '--segment-mib=8']
  const [trio, other, plain] = await Promise.all([
    StoreProcesses.start({ flags: [...flags, quotaFlag] }),
    StoreProcesses.start({ flags }),
    MemberProcess.start(),
  ])
  await Promise.all([trio.leader(), other.leader()])
  const passwordFile = join(trio.directory, 'password')
  writeFileSync(passwordFile, 'secret')
  const peer = `127.0.0.1:${await freePort()}`
  return {
    kind: 'raftsman',
    endpoints: urls(trio.endpoints(1)),
    tlsFlags: etcdctlFlags(trio.clientIdentity),
    otherEndpoints: urls(other.endpoints(1)),
    otherTlsFlags: etcdctlFlags(other.clientIdentity),
    plainEndpoint: plain.address,
    names: {
      ...clientNames(urls(trio.endpoints(1))),
      ...namesOf(trio.directory, `https://${peer}`, other.endpoint(1), other.clientIdentity),
    },
    raftsman: [process.execPath, program],
    async join(name) {
      await trio.join(name, [
        `--listen-peer=${peer}`,
        '--join-user=root',
        `--join-password-file=${passwordFile}`,
      ])
    },
    async end() {
      await Promise.all([trio.end(), other.end(), plain.stop()])
    },
  }
}

export async function startTheirs(): Promise<RunningCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'raftsman-etcdctl-'))
  const authority = await testAuthority(directory)
  const server = await authority.issue('etcd')
  const client = await authority.issue('client')
  const flags = [
    `--cert-file=${server.certFile}`,
    `--key-file=${server.keyFile}`,
    `--trusted-ca-file=${server.caFile}`,
    '--client-cert-auth',
    '--bcrypt-cost=4',
  ]
  const [trio, other, plain] = await Promise.all([
    EtcdTrio.start([...flags, quotaFlag], 'https'),
    EtcdProcess.start({ flags, scheme: 'https' }),
    EtcdProcess.start(),
  ])
  const peerPort = await freePort()
  const peer = `http://127.0.0.1:${peerPort}`
  const joined: EtcdProcess[] = []
  return {
    kind: 'etcd',
    endpoints: urls(trio.endpoints),
    tlsFlags: etcdctlFlags(client),
    otherEndpoints: urls([other.address]),
    otherTlsFlags: etcdctlFlags(client),
    plainEndpoint: plain.address,
    names: {
      ...clientNames(urls(trio.endpoints)),
      ...namesOf(directory, peer, other.address, client),
    },
    raftsman: [process.execPath, program],
    async join(name) {
      const member = await EtcdProcess.start({
        name,
        peerPort,
        scheme: 'https',
        initialCluster: `${trio.initialCluster},${name}=${peer}`,
        flags: [...flags, quotaFlag, '--initial-cluster-state=existing'],
      })
      joined.push(member)
    },
    async end() {
      const lone = [other, plain, ...joined]
      await Promise.all([trio.stop(), ...lone.map(member => member.stop())])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
