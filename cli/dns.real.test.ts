// `raftsman dns` as a program, with a certificate and as a pod of an account.

import { type ChildProcess, spawn } from 'node:child_process'
import dns from 'node:dns/promises'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  startTestApiserver,
  type TestApiserver,
} from '../orchestrator/apiserver/testing/start-apiserver.js'
import { HttpTransport } from '../orchestrator/client/http-transport.js'
import { services } from '../orchestrator/client/resources.js'
import { ApiClient } from '../orchestrator/client/rest-client.js'
import { serviceOf } from '../orchestrator/proxy/testing/objects.js'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { freePort } from '../platform/testing/free-port.js'

const program = join(resolve(import.meta.dirname, '..'), 'dist', 'cli', 'main.js')
const name = 'web.default.svc.cluster.local'
let apiserver: TestApiserver
let transport: HttpTransport
let child: ChildProcess | null = null
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'raftsman-dns-'))
  apiserver = await startTestApiserver()
  const read = (file: string): string => readFileSync(file, 'utf8')
  const { caFile, certFile, keyFile } = apiserver.admin
  transport = new HttpTransport({
    servers: [apiserver.url],
    tls: { ca: read(caFile), cert: read(certFile), key: read(keyFile) },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  await new ApiClient({ transport }).create(services, serviceOf('web', { clusterIP: '10.96.0.99' }))
})

afterEach(() => child?.kill('SIGKILL'))

afterAll(async () => {
  transport.close()
  await apiserver.close()
  rmSync(folder, { recursive: true, force: true })
})

async function post(
  path: string,
  body: object,
): Promise<{ readonly status?: { readonly token?: string } }> {
  const request = {
    method: 'POST',
    path,
    accept: 'application/json',
    timeoutMs: 10_000,
    contentType: 'application/json',
  } as const
  const answer = await transport.request({ ...request, body: JSON.stringify(body) })
  if (answer.status !== 201) throw new Error(answer.body)
  return JSON.parse(answer.body) as { status?: { token?: string } }
}

/** Runs it until the name is known, and then until it is told to end. */
async function answersWith(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const [port, health] = [await freePort(), await freePort()]
  const own = [`--listen=127.0.0.1:${port}`, `--health-listen=127.0.0.1:${health}`]
  let log = ''
  const running = spawn(
    process.execPath,
    [program, 'dns', '--name=dns', '--upstreams=127.0.0.1:9', ...own, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  )
  child = running
  const ended = new Promise<number | null>(done => running.once('exit', done))
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += String(chunk)
    })
  }
  const statusOf = (path: string): Promise<number> =>
    fetch(`http://127.0.0.1:${health}${path}`).then(
      ({ status }) => status,
      () => 0,
    )
  const deadline = Date.now() + 30_000
  while ((await statusOf('/ready')) !== 200) {
    if (Date.now() > deadline) throw new Error(`not ready: ${log}`)
    await new Promise(wait => setTimeout(wait, 50))
  }
  const resolver = new dns.Resolver({ timeout: 5000, tries: 1 })
  resolver.setServers([`127.0.0.1:${port}`])
  expect(await resolver.resolve4(name)).toEqual(['10.96.0.99'])
  expect(await statusOf('/health')).toBe(200)
  const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text()
  expect(metrics).toMatch(/raftsman_dns_answers_total\{transport="udp",rcode="0"\} 1/)
  running.kill('SIGTERM')
  expect(await ended).toBe(0)
}

describe('raftsman dns', () => {
  it('answers by the rights of a certificate', async () => {
    const { caFile, certFile, keyFile } = apiserver.admin
    await answersWith([
      `--apiserver=${apiserver.url}`,
      `--client-cert-file=${certFile}`,
      `--client-key-file=${keyFile}`,
      `--client-ca-file=${caFile}`,
    ])
  })

  it('answers by the rights of the account of its pod', async () => {
    const accounts = '/api/v1/namespaces/kube-system/serviceaccounts'
    await post(accounts, { metadata: { name: 'names' } })
    await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'names' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'names', namespace: 'kube-system' }],
    })
    const { status } = await post(`${accounts}/names/token`, { spec: {} })
    writeFileSync(join(folder, 'token'), `${status?.token}\n`)
    copyFileSync(apiserver.admin.caFile, join(folder, 'ca.crt'))
    await answersWith([`--account-folder=${folder}`], {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(apiserver.port),
    })
  })

  it('says what is missing where it is no pod', async () => {
    const running = spawn(process.execPath, [
      program,
      'dns',
      '--name=dns',
      '--listen=127.0.0.1:5399',
    ])
    child = running
    let said = ''
    for (const stream of [running.stdout, running.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += String(chunk)
      })
    }
    expect(await new Promise(done => running.once('exit', done))).not.toBe(0)
    expect(said).toContain('name the API with --apiserver')
  })
})
