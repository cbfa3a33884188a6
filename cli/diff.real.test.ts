// Time travel on a running cluster: an object as it was, and what has changed since, by the built command.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../orchestrator/api/object.js'
import type { ObjectChange } from './diff/print.js'
import { eventually, LocalCluster } from './testing/local-cluster.js'

const cluster = new LocalCluster(4600)
const maps = '/api/v1/namespaces/default/configmaps'

beforeAll(async () => {
  const { code, stderr } = await cluster.up('--masters', '1', '--nodes', '0', '--history', '30m')
  if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
}, 180_000)

afterAll(async () => {
  await cluster.dispose()
}, 120_000)

const diff = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await cluster.raftsman(['diff', ...args])
  if (code !== 0) throw new Error(`diff ${args.join(' ')}: ${stderr}`)
  return stdout
}

const versionOf = async (...what: readonly string[]): Promise<string> =>
  (await cluster.json<KubeObject>('get', ...what)).metadata.resourceVersion ?? ''

test('an object is read as it was, and a comparison says what changed', async () => {
  await cluster.must('create', 'configmap', 'kept', '--from-literal=x=1')
  await cluster.must('create', 'configmap', 'gone')
  const before = await versionOf('configmap', 'gone')
  await cluster.must('patch', 'configmap', 'kept', '-p', '{"data":{"x":"2","y":"3"}}')
  await cluster.must('delete', 'configmap', 'gone')
  await cluster.must('create', 'configmap', 'new')
  const after = await versionOf('configmap', 'new')

  const exact = `resourceVersion=${before}&resourceVersionMatch=Exact`
  const then = JSON.parse(await cluster.must('get', '--raw', `${maps}/kept?${exact}`)) as KubeObject
  expect(then).toMatchObject({ data: { x: '1' } })
  expect((await cluster.kubectl(['get', '--raw', `${maps}/new?${exact}`])).stderr).toContain(
    'configmaps "new" not found',
  )

  const text = await diff('configmaps', '-n', 'default', '--from', before, '--to', after)
  expect(text.replaceAll(/ {3}by .*/g, '').split('\n')).toEqual([
    `From revision ${before} to revision ${after}: 3 objects changed.`,
    '- configmaps default/gone',
    '~ configmaps default/kept',
    '    data.x: "1" -> "2"',
    '    data.y: (none) -> "3"',
    '+ configmaps default/new',
    '',
  ])
  const nothing = await diff('configmaps', '--from', after, '--to', after)
  expect(nothing).toContain('no objects changed')
}, 60_000)

test('moments are found by their time, and times before history are refused', async () => {
  await cluster.must('create', 'configmap', 'timed')
  const at = await eventually('a time to be noted behind it', 60_000, async () => {
    const created = Number(await versionOf('configmap', 'timed'))
    const now = new Date().toISOString()
    const { code, stdout } = await cluster.kubectl(['get', '--raw', `/raftsman/history?at=${now}`])
    if (code !== 0) return undefined
    const moment = JSON.parse(stdout) as { resourceVersion: string; time: string }
    return Number(moment.resourceVersion) > created ? moment.time : undefined
  })
  await cluster.must('delete', 'configmap', 'timed')
  const json = await diff('configmaps', '--from', at, '-o', 'json')
  const { changes } = JSON.parse(json) as { changes: readonly ObjectChange[] }
  expect(changes).toMatchObject([{ change: 'removed', namespace: 'default', name: 'timed' }])

  const young = await cluster.raftsman(['diff', 'configmaps', '--from', '25m', '-o', 'json'])
  expect(young).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /^raftsman: History begins at 2\S+Z, less than 25m ago: compared from there\.\n$/,
    ) as string,
  })
  expect(JSON.parse(young.stdout)).toMatchObject({
    from: { timeMs: expect.any(Number) as number },
  })

  const early = await cluster.raftsman(['diff', '--from', '2020-01-01T00:00:00Z'])
  expect(early.code).toBe(1)
  expect(early.stderr).toMatch(/no history is kept of 2020-01-01.*it begins at 2/)
  for (const [args, sentence] of [
    [['--from', 'yesterday'], '"yesterday" is neither a revision'],
    [['--from', '9000000'], 'is after revision'],
    [['nothings', '--from', '5'], 'no resource "nothings"'],
    [['--from', '5', '-o', 'yaml'], 'no output "yaml"'],
  ] as const) {
    const { code, stderr } = await cluster.raftsman(['diff', ...args])
    expect(code).toBe(1)
    expect(stderr).toContain(sentence)
  }

  const compacted = await versionOf('configmap', 'kept')
  const newest = String(Number(compacted) + 1)
  expect((await cluster.raftsman(['kv', 'compact', newest])).code).toBe(0)
  const { code, stderr } = await cluster.raftsman(['diff', 'configmaps', '--from', compacted])
  expect(code).toBe(1)
  expect(stderr).toContain(`Revision ${compacted} is not kept any more`)
}, 120_000)
