// `explain` and `what-if`, and the ports that they and Prometheus ask: a small cluster, asked as users ask.

import { readFileSync } from 'node:fs'
import https from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Explanation } from '../orchestrator/scheduler/core/explanation.js'
import type { WhatIfAnswer } from '../orchestrator/scheduler/core/what-if/what-if.js'
import { LocalCluster } from './testing/local-cluster.js'

const cluster = new LocalCluster(5300)

const deployment = (name: string, replicas: number, cpu: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: c, image: host, command: [sleep, "1000"], resources: {requests: {cpu: "${cpu}"}}}
`

beforeAll(async () => {
  const { code, stderr } = await cluster.up('--masters', '1', '--nodes', '2')
  if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
  await cluster.kubectl(['apply', '-f', '-'], deployment('web', 2, '10m'))
  await cluster.must('rollout', 'status', 'deployment/web', '--timeout=60s')
}, 180_000)

afterAll(async () => {
  await cluster.dispose()
}, 120_000)

const podOf = async (app: string): Promise<string> => {
  const names = await cluster.must('get', 'pods', '-l', `app=${app}`, '-o', 'name')
  return names.split('\n')[0]?.replace('pod/', '') ?? ''
}

const imagine = (args: readonly string[], manifests = '') =>
  cluster.raftsman(['what-if', ...args, ...(manifests === '' ? [] : ['-f', '-'])], manifests)

describe('explain', () => {
  it('tells why a pod is where it is', async () => {
    const name = await podOf('web')
    const nodeName = await cluster.must('get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}')
    const { stdout } = await cluster.raftsman(['explain', 'pod', name])
    expect(stdout).toContain(`default/${name}: ${nodeName} (of 2 nodes, 2 would do`)
    const json = await cluster.raftsman(['explain', 'pod', name, '-o', 'json'])
    const told = JSON.parse(json.stdout) as Explanation
    expect([told.chosen, told.best.length]).toEqual([nodeName, 2])
    expect(told.best[0]?.scores).toMatchObject({ TaintToleration: 300 })
  })

  it('of a pod that there is not, and of what is none, says so', async () => {
    const none = await cluster.raftsman(['explain', 'pod', 'none'])
    expect([none.code, none.stderr]).toEqual([
      1,
      'raftsman: pods "none" not found (api-NotFound)\n',
    ])
    const node = await cluster.raftsman(['explain', 'node', 'node-1'])
    expect(node.stderr).toContain('only a pod can')
  })

  it('is for those who may', async () => {
    const path = '/raftsman/explain/default/web'
    const { stderr } = await cluster.kubectl(['get', '--raw', path, '--as=joe'])
    expect(stderr).toContain(`User "joe" cannot get path "${path}"`)
  })
})

describe('what-if', () => {
  it('places what is imagined, and changes nothing', async () => {
    const before = await cluster.must('get', 'pods,deployments', '-o', 'name')
    const big = deployment('big', 1_000, '500m')
    const { code, stdout } = await imagine(['-o', 'json'], big)
    const answer = JSON.parse(stdout) as WhatIfAnswer
    expect(code).toBe(1)
    expect(answer.arrivals.length).toBeGreaterThan(1)
    expect(answer.arrivals.length + answer.stranded.length).toBe(1_000)
    expect(answer.stranded[0]?.message).toContain('2 Insufficient cpu')
    // As many as are missing, more nodes have room for them.
    const more = await imagine(['--add-node', 'like=node-1,count=1000'], big)
    expect([more.code, more.stdout.split('\n')[0]]).toEqual([
      0,
      '1002 nodes (now 2); 1000 pods would find a node',
    ])
    expect(await cluster.must('get', 'pods,deployments', '-o', 'name')).toBe(before)
  })

  it('counts what a workload has already, and asks as its creation would be asked', async () => {
    const { stdout } = await imagine([], deployment('web', 3, '10m'))
    expect(stdout).toContain('1 pod would find a node')
    const invalid = await imagine([], deployment('web', 3, '-1'))
    expect([invalid.code, invalid.stdout]).toEqual([1, ''])
    expect(invalid.stderr).toContain('must be greater than or equal to 0')
  })

  it('says what a drain would move, and what it would wait for', async () => {
    const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
`
    const { code, stdout } = await imagine(['--drain', 'node-1', '--drain', 'node-2'], budget)
    expect(code).toBe(1)
    expect(stdout).toContain('of 2 pods that would look for a node, 2 would find none')
    expect(stdout).toContain('The drain would wait for default/web before 2 pods may go.')
    expect(await cluster.must('get', 'nodes')).not.toContain('SchedulingDisabled')
  })

  it.each([
    [['--drain', 'none'], 'there is no node "none"'],
    [['--add-node', 'none'], 'write like=NODE'],
    [['--remove-pod', 'none'], 'no pod "default/none" has a node'],
    [['-f', '/none'], 'cannot be read'],
    [['-o', 'xml'], 'There is no output "xml"'],
  ])('%j is refused', async (args, reason) => {
    const { code, stderr } = await imagine(args)
    expect(code).toBe(1)
    expect(stderr).toContain(reason)
  })

  it.each([
    ['{"pods":[{"pod":{"metadata":{"name":"a","namespace":"b"},"spec":{"containers":[7]}}}]}', 400],
    ['{"pods":[{"pod":null}]}', 400],
    ['{"pod":[]}', 400],
    ['[]', 400],
    ['{', 400],
  ])('a body of %s gets %i', async (body, code) => {
    const { stderr } = await cluster.kubectl(
      ['create', '--raw', '/raftsman/what-if', '-f', '-'],
      body,
    )
    expect(stderr).toContain(code === 400 ? 'BadRequest' : '')
  })
})

it('the ports of scheduler and controllers tell Prometheus what is counted', async () => {
  const scrape = (port: number) => metrics(cluster.address(port))
  const [scheduler, controllers] = await Promise.all([scrape(10_259), scrape(10_257)])
  expect(scheduler).toContain('leader_election_master_status{name="kube-scheduler"} 1')
  expect(scheduler).toMatch(/scheduler_schedule_attempts_total\{result="scheduled"\} \d/)
  expect(controllers).toContain('leader_election_master_status{name="kube-controller-manager"} 1')
  expect(controllers).toMatch(/workqueue_adds_total\{name="deployment"\} \d/)
  const documented = readFileSync('docs/control-loops.md', 'utf8')
    .split('\n')
    .flatMap(line => {
      const row = /^\| `([a-z_]+)` \| (\w+) \|.*\| (.+) \|$/.exec(line)
      return row === null ? [] : [row.slice(1, 4).join(' ')]
    })
  const told = new Set([...describedIn(scheduler), ...describedIn(controllers)])
  expect([...told].toSorted()).toEqual(documented.toSorted())
})

/** Name, type and meaning of each metric; what Node tells of the process is a matter of its version. */
function describedIn(text: string): readonly string[] {
  const helps = text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)
  return [...helps]
    .map(([, name = '', help = '', type = '']) => `${name} ${type} ${help}`)
    .filter(line => !/^(nodejs|process)_/.test(line))
}

function metrics(address: string): Promise<string> {
  const pki = (name: string) => readFileSync(join(cluster.directory, 'pki', name))
  return new Promise((resolve, reject) => {
    https
      .get(
        `https://${address}/metrics`,
        { ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key'), agent: false },
        response => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => resolve(text))
        },
      )
      .on('error', reject)
  })
}
