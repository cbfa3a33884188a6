// `raftsman apiserver --storage etcd`: the API server as a process of its own on a real etcd with mutual
// TLS, and the unmodified kubectl in front of it.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { kubectlBinaries, kubectlWith } from '../orchestrator/apiserver/testing/kubectl.js'
import type { Kubectl } from '../orchestrator/apiserver/testing/kubectl.js'
import type { TlsFiles } from '../platform/network.js'
import { testAuthority } from '../platform/testing/certificates.js'
import { freePort } from '../platform/testing/free-port.js'
import { etcdClientOf } from '../store/etcd/testing/etcd-clients.js'
import { EtcdProcess } from '../store/etcd/testing/etcd-process.js'
import { everyKey, text } from '../store/server/testing/clients.js'
import { eventually, projectRoot } from './testing/local-cluster.js'

let folder: string
let etcd: EtcdProcess
let apiserver: ChildProcess
let kubectl: Kubectl
let etcdIdentity: TlsFiles
let flags: readonly string[]
let output = ''

function start(): ChildProcess {
  const program = join(projectRoot, 'dist', 'cli', 'main.js')
  const child = spawn(process.execPath, [program, 'apiserver', ...flags], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const take = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return child
}

async function stop(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>(done => child.once('exit', code => done(code)))
  child.kill('SIGTERM')
  return await ended
}

async function answers(): Promise<void> {
  await eventually('the API to answer', 60_000, async () => {
    if (apiserver.exitCode !== null) throw new Error(`the API server ended: ${output}`)
    return (await kubectl.run('get', '--raw', '/readyz')).code === 0
  })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'raftsman-on-etcd-'))
  const authority = await testAuthority(join(folder, 'api'))
  const etcdAuthority = await testAuthority(join(folder, 'etcd'))
  const etcdServer = await etcdAuthority.issue('etcd')
  etcdIdentity = await etcdAuthority.issue('apiserver')
  etcd = await EtcdProcess.start({
    scheme: 'https',
    flags: [
      `--cert-file=${etcdServer.certFile}`,
      `--key-file=${etcdServer.keyFile}`,
      `--trusted-ca-file=${etcdServer.caFile}`,
      '--client-cert-auth',
    ],
  })
  const server = await authority.issue('apiserver', { commonName: 'kube-apiserver' })
  const listen = `127.0.0.1:${await freePort()}`
  flags = [
    '--name=master-1',
    `--listen=${listen}`,
    '--lifeline',
    `--cert-file=${server.certFile}`,
    `--key-file=${server.keyFile}`,
    `--ca-file=${server.caFile}`,
    `--service-account-key-file=${server.keyFile}`,
    '--storage=etcd',
    `--etcd-servers=https://${etcd.address}`,
    `--etcd-cafile=${etcdIdentity.caFile}`,
    `--etcd-certfile=${etcdIdentity.certFile}`,
    `--etcd-keyfile=${etcdIdentity.keyFile}`,
  ]
  const admin = await authority.issue('admin', {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
  })
  const data = (file: string): string => readFileSync(file).toString('base64')
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: `https://${listen}`,
            'certificate-authority-data': data(authority.caFile),
          },
        },
      ],
      users: [
        {
          name: 'u',
          user: {
            'client-certificate-data': data(admin.certFile),
            'client-key-data': data(admin.keyFile),
          },
        },
      ],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
    { mode: 0o600 },
  )
  const [binary] = kubectlBinaries([])
  kubectl = kubectlWith(binary?.[1] ?? 'kubectl', kubeconfig)
  apiserver = start()
  await answers()
})

afterAll(async () => {
  if (apiserver.exitCode === null) apiserver.kill('SIGKILL')
  await etcd.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('kubectl creates, watches, changes and deletes what etcd keeps', async () => {
  const follower = kubectl.follow('get', 'configmaps', '--watch', '-o', 'name')
  expect(await kubectl.ok('create', 'configmap', 'a', '--from-literal=x=1')).toBe(
    'configmap/a created\n',
  )
  expect((await kubectl.run('create', 'configmap', 'a')).stderr).toContain('already exists')
  await follower.until(/configmap\/a/)
  await kubectl.ok('patch', 'configmap', 'a', '-p', '{"data":{"x":"2"}}')
  expect(await kubectl.ok('get', 'configmap', 'a', '-o', 'jsonpath={.data.x}')).toBe('2')
  const service = kubectl.file(
    'service.yaml',
    'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n',
  )
  await kubectl.ok('apply', '-f', service)
  expect(await kubectl.ok('get', 'service', 's', '-o', 'jsonpath={.spec.clusterIP}')).toMatch(
    /^10\.96\./,
  )
  await kubectl.ok('delete', 'configmap', 'a')
  await kubectl.ok('create', 'configmap', 'b')
  await follower.until(/configmap\/b/)
  await follower.stop()
})

test('everything stands below the prefix, and is still there after a restart', async () => {
  const { caFile, certFile, keyFile } = etcdIdentity
  const store = etcdClientOf([etcd.address], { tls: { caFile, identity: { certFile, keyFile } } })
  const { kvs } = await store.range({ ...everyKey, keysOnly: true })
  store.close()
  const keys = kvs.map(({ key }) => text(key))
  expect(keys).toContain('/raftsman/registry/core/configmaps/default/b')
  expect(keys.filter(key => !key.startsWith('/raftsman/'))).toEqual([])
  expect(await stop(apiserver)).toBe(0)
  apiserver = start()
  await answers()
  expect(await kubectl.ok('get', 'configmap', 'b', '-o', 'name')).toBe('configmap/b\n')
})

test('it says what is missing', async () => {
  const without = flags.filter(flag => !flag.startsWith('--etcd-keyfile'))
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'dist', 'cli', 'main.js'), 'apiserver', ...without],
    { stdio: ['pipe', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const code = await new Promise(done => child.once('exit', done))
  expect(said).toContain('--etcd-certfile and --etcd-keyfile go together.')
  expect(code).not.toBe(0)
})
