import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TlsFiles } from '../../platform/network.js'
import { nodeClock } from '../../platform/node/clock.js'
import type { Store } from '../../store/client/types.js'
import { LocalStore } from '../../store/local-store.js'
import { ApiClient } from './testing/api-client.js'
import type { Answer } from './testing/api-client.js'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const [, binary = ''] = kubectlBinaries(['1.33'])[0] ?? []
const maps = '/api/v1/namespaces/default/configmaps'

/** Reads of a store that is busy: without them one request is over before the next has come. */
function slowReads(store: LocalStore): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as (...args: unknown[]) => unknown
      if (name !== 'range') return method
      return async (...args: unknown[]) => {
        await new Promise(resolve => setTimeout(resolve, 5))
        return await method(...args)
      }
    },
  })
}

/** One seat, and room for two in each of its queues; ann and joe get a queue each. */
const setUp = `apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: tiny}
spec:
  type: Limited
  limited:
    nominalConcurrencyShares: 1
    borrowingLimitPercent: 0
    limitResponse: {type: Queue, queuing: {queues: 16, handSize: 1, queueLengthLimit: 2}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: people}
spec:
  priorityLevelConfiguration: {name: tiny}
  matchingPrecedence: 50
  distinguisherMethod: {type: ByUser}
  rules:
  - subjects: [{kind: Group, group: {name: people}}]
    resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: people}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: people}]
`

let store: LocalStore
let server: TestApiserver
let admin: Kubectl
let joe: TlsFiles
let joeClient: ApiClient
let annClient: ApiClient

beforeAll(async () => {
  store = new LocalStore({ clock: nodeClock() })
  server = await startTestApiserver({
    store: slowReads(store),
    // Of 240 seats the level below has one.
    overrides: { limits: { requestMs: 4_000, readsMax: 160, writesMax: 80 } },
  })
  admin = kubectlWith(binary, server.kubeconfig)
  joe = await server.identity('joe', ['people'])
  const ann = await server.identity('ann', ['people'])
  joeClient = new ApiClient(server.url, joe.caFile, joe)
  annClient = new ApiClient(server.url, ann.caFile, ann)
})

afterAll(async () => {
  joeClient.close()
  annClient.close()
  await server.close()
  store.close()
})

const dump = (what: string) => admin.ok('get', '--raw', `/debug/api_priority_and_fairness/${what}`)

/** Resolves once a level's line in the dump matches. */
async function untilLevel(name: string, pattern: RegExp): Promise<void> {
  for (;;) {
    const lines = (await dump('dump_priority_levels')).split('\n')
    if (lines.some(line => line.startsWith(`${name},`) && pattern.test(line))) return
  }
}

/** A create of joe's whose body does not arrive, and so holds its seat. */
function heldRequest() {
  const { port } = new URL(server.url)
  const outgoing = httpsRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: maps,
    ca: readFileSync(joe.caFile),
    cert: readFileSync(joe.certFile),
    key: readFileSync(joe.keyFile),
    headers: { 'content-type': 'application/json', 'content-length': '200' },
    agent: false,
  })
  outgoing.on('error', () => {})
  outgoing.write('{')
  return { release: () => outgoing.destroy() }
}

test('every cluster begins with the usual schemas and levels, and keeps those it needs', async () => {
  const schemas = await admin.ok('get', 'flowschemas', '--sort-by=.spec.matchingPrecedence')
  expect(schemas.replace(/ +/g, ' ')).toMatch(
    /^NAME PRIORITYLEVEL MATCHINGPRECEDENCE DISTINGUISHERMETHOD AGE MISSINGPL\nexempt exempt 1 <none> \d+s False\nprobes exempt 2 <none> \d+s False\nsystem-leader-election leader-election 100 ByUser \d+s False\n/,
  )
  expect(schemas.trim().split('\n')).toHaveLength(14)
  const levels = await admin.ok('get', 'prioritylevelconfigurations')
  expect(levels.replace(/ +/g, ' ')).toMatch(
    /^NAME TYPE NOMINALCONCURRENCYSHARES QUEUES HANDSIZE QUEUELENGTHLIMIT AGE\ncatch-all Limited 5 <none> <none> <none> \d+s\nexempt Exempt <none> <none> <none> <none> \d+s\nglobal-default Limited 20 128 6 50 \d+s\n/,
  )
  const patch = ['--type=merge', '-p', '{"spec":{"matchingPrecedence":77}}']
  const refused = await admin.run('patch', 'flowschema', 'catch-all', ...patch)
  expect(refused.stderr).toContain("spec of 'catch-all' must equal the fixed value")
})

test('a schema without its level says so, until the level is there', async () => {
  const file = admin.file('tiny.yaml', setUp)
  const [level = '', schema = '', binding = ''] = setUp.split('---\n')
  await admin.ok('apply', '-f', admin.file('schema.yaml', `${schema}---\n${binding}`))
  await admin.ok('wait', 'flowschema/people', '--for=condition=Dangling=True', '--timeout=10s')
  await admin.ok('apply', '-f', admin.file('level.yaml', level))
  await admin.ok('wait', 'flowschema/people', '--for=condition=Dangling=False', '--timeout=10s')
  expect(await admin.ok('apply', '-f', file)).toContain('flowschema.flowcontrol.apiserver.k8s.io/')
  await untilLevel('tiny', /0, +true, +false/)
})

test('one who floods is turned away and another is not', async () => {
  const ann = { done: false }
  const answers: Answer[] = []
  const flood = async () => {
    while (!ann.done) answers.push(await joeClient.get(maps))
  }
  const floods = Array.from({ length: 6 }, flood)
  for (let round = 0; round < 30; round++) {
    const answer = await annClient.get(`${maps}/kube-root-ca.crt`)
    expect(answer.status).toBe(200)
  }
  ann.done = true
  await Promise.all(floods)
  const refused = answers.find(({ status }) => status === 429)
  expect(refused?.text).toBe('Too many requests, please try again later.\n')
  expect(Number(refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  const uid = (kind: string, name: string) =>
    admin.ok('get', kind, name, '-o', 'jsonpath={.metadata.uid}')
  expect(refused?.headers).toMatchObject({
    'x-kubernetes-pf-flowschema-uid': await uid('flowschema', 'people'),
    'x-kubernetes-pf-prioritylevel-uid': await uid('prioritylevelconfiguration', 'tiny'),
  })
  expect(answers.some(({ status }) => status === 200)).toBe(true)
  const metrics = await admin.ok('get', '--raw', '/metrics')
  expect(metrics).toMatch(
    /apiserver_flowcontrol_rejected_requests_total\{flow_schema="people",priority_level="tiny",reason="queue-full"\} [1-9]/,
  )
})

test('who waits is seen waiting, and is told when it was for too long', async () => {
  const held = heldRequest()
  await untilLevel('tiny', /1, +false, +false, +0, +1,/)
  const waiting = annClient.get(maps)
  await untilLevel('tiny', /[12], +false, +false, +1, +1,/)
  const requests = await dump('dump_requests?includeRequestDetails=1')
  expect(requests).toMatch(/\ntiny, +people, +\d+, +0, +ann, .*\bann, +list, +\/api\/v1\//)
  expect(requests).toMatch(/\ntiny, +people, +\d+, +-1, +joe, /)
  // A quarter of the time that a request may take.
  expect((await waiting).status).toBe(429)
  held.release()
  await untilLevel('tiny', /0, +true, +false, +0, +0,/)
})

test('kubectl comes again by itself when it was turned away', async () => {
  const held = heldRequest()
  await untilLevel('tiny', /1, +false, +false, +0, +1,/)
  const kubectl = kubectlWith(binary, server.kubeconfigFor(joe))
  const got = kubectl.follow('get', '--raw', maps, '-v=8')
  await got.until(/429 Too Many Requests/i)
  held.release()
  expect(await got.until(/ConfigMapList/)).toMatch(/retry-after/i)
  await got.stop()
})
