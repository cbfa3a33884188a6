// `raftsman node --runtime cri` as people start it: a process of its own, beside a containerd of the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Pod } from '../orchestrator/api/types/core-pod.js'
import {
  type SmallCluster,
  startSmallCluster,
} from '../orchestrator/apiserver/testing/small-cluster.js'
import { HttpTransport } from '../orchestrator/client/http-transport.js'
import { nodes, pods } from '../orchestrator/client/resources.js'
import { ApiClient } from '../orchestrator/client/rest-client.js'
import {
  startTestContainerd,
  type TestContainerd,
  toolsImage,
} from '../orchestrator/kubelet/runtimes/cri/testing/containerd.js'
import { eventually } from '../orchestrator/kubelet/runtimes/cri/testing/cri-cluster.js'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import type { TlsFiles } from '../platform/network.js'

const program = join(resolve(import.meta.dirname, '..'), 'dist', 'cli', 'main.js')
const name = 'worker-1'

let containerd: TestContainerd
let cluster: SmallCluster
let client: ApiClient
let transport: HttpTransport
let directory = ''

beforeAll(async () => {
  containerd = await startTestContainerd()
  cluster = await startSmallCluster([])
  directory = mkdtempSync(join(tmpdir(), 'cri-worker-'))
  const { admin, url } = cluster.server
  const read = (file: string) => readFileSync(file, 'utf8')
  transport = new HttpTransport({
    servers: [url],
    tls: { ca: read(admin.caFile), cert: read(admin.certFile), key: read(admin.keyFile) },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  client = new ApiClient({ transport })
})

afterAll(async () => {
  transport.close()
  await cluster.close()
  await containerd.close()
  rmSync(directory, { recursive: true, force: true })
})

const tlsFlags = (prefix: string, { certFile, keyFile, caFile }: TlsFiles): readonly string[] => [
  `--${prefix}cert-file=${certFile}`,
  `--${prefix}key-file=${keyFile}`,
  `--${prefix}ca-file=${caFile}`,
]

interface Ended {
  readonly code: number | null
  readonly output: string
}

function start(flags: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [program, 'node', ...flags], { stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const ended = new Promise<Ended>(done => {
    child.once('close', code => done({ code, output }))
  })
  return { child, ended }
}

async function flags(more: readonly string[]): Promise<readonly string[]> {
  const identity = await cluster.server.identity(`system:node:${name}`, ['system:nodes'])
  return [
    `--name=${name}`,
    `--apiserver=${cluster.server.url}`,
    `--data-dir=${directory}`,
    '--listen=127.0.0.1:0',
    ...tlsFlags('', identity),
    ...tlsFlags('client-', identity),
    ...more,
  ]
}

it('a node process runs pods by containerd, and takes them with it where it is told to', async () => {
  const wanted = ['--runtime=cri', `--cri-endpoint=${containerd.endpoint}`, '--stop-pods-on-exit']
  const { child, ended } = start(await flags(wanted))
  const node = await eventually('the node is ready', async () => {
    const { items } = await client.list(nodes)
    const isReady = items[0]?.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    )
    return isReady === true ? items[0] : null
  })
  expect(node?.status?.nodeInfo?.containerRuntimeVersion).toMatch(/^containerd:\/\/\d/)
  const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'main', image: toolsImage, command }] },
  }
  await client.create(pods, pod)
  await eventually('the pod runs', async () => {
    const { status } = await client.get(pods, { namespace: 'default', name: 'web' })
    return status?.phase === 'Running'
  })
  expect(containerd.ctr('tasks', 'list').match(/RUNNING/g)).toHaveLength(2)
  child.kill('SIGTERM')
  expect((await ended).code).toBe(0)
  expect(containerd.ctr('tasks', 'list')).not.toContain('RUNNING')
})

it.each([
  [['--runtime=steam'], 'There is no runtime "steam"'],
  [['--runtime=cri', '--cri-endpoint=/run/x.sock'], '"/run/x.sock" is not a socket'],
  [['--cluster-dns=dns.example'], '"dns.example" is not an address of a name server'],
])('flags that make no sense are refused: %j', async (more, sentence) => {
  const { code, output } = await start(await flags(more)).ended
  expect(code).not.toBe(0)
  expect(output).toContain(sentence)
})
