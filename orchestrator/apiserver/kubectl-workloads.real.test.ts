import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const pods = `
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.25"}
`
const manifests = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: web
  selector: {matchLabels: {app: web}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  template:${pods}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: web}}
  template:${pods}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: elder}
spec:
  template:${pods}
---
apiVersion: v1
kind: PodTemplate
metadata: {name: mould}
template:
  metadata: {labels: {app: web}}
  spec:
    containers: [{name: web, image: "nginx:1.25"}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: busybox}]
`

const made = [
  'statefulset.apps/web',
  'daemonset.apps/agent',
  'replicationcontroller/elder',
  'podtemplate/mould',
  'job.batch/once',
  'cronjob.batch/nightly',
]

/** Which headings come, and how the row goes on after the name. */
const tables: readonly (readonly [kind: string, headings: string, row: RegExp])[] = [
  ['sts', 'NAME READY AGE CONTAINERS IMAGES', /^web +0\/2 +\d\S* +web +nginx:1\.25$/m],
  [
    'ds',
    'NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE CONTAINERS IMAGES SELECTOR',
    /^agent +0 +0 +0 +0 +0 +<none> +\d\S* +web +nginx:1\.25 +app=web$/m,
  ],
  [
    'rc',
    'NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR',
    /^elder +1 +0 +0 +\d\S* +web +nginx:1\.25 +app=web$/m,
  ],
  ['podtemplates', 'NAME CONTAINERS IMAGES POD LABELS', /^mould +web +nginx:1\.25 +app=web$/m],
  [
    'jobs',
    'NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR',
    /^once +Running +0\/1 +\d\S* +main +busybox +batch\.kubernetes\.io\/controller-uid=[-0-9a-f]{36}$/m,
  ],
  [
    'cj',
    'NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE CONTAINERS IMAGES SELECTOR',
    /^nightly +0 3 \* \* \* +Europe\/Berlin +False +0 +<none> +\d\S* +main +busybox +<none>$/m,
  ],
]

const described: readonly (readonly [what: string, lines: readonly RegExp[]])[] = [
  ['sts/web', [/^Replicas: +2 desired \| 0 total$/m, /^Volume Claims:\n +Name: +data$/m]],
  ['ds/agent', [/^Desired Number of Nodes Scheduled: 0$/m]],
  ['rc/elder', [/^Replicas: +0 current \/ 1 desired$/m]],
  ['podtemplate/mould', [/^Kind: +PodTemplate$/m]],
  ['job/once', [/^Completions: +1$/m, /^Pods Statuses: +0 Active.* \/ 0 Succeeded \/ 0 Failed$/m]],
  ['cj/nightly', [/^Schedule: +0 3 \* \* \*$/m, /^Successful Job History Limit: +3$/m]],
]

describe.each(kubectlBinaries(['1.27', '1.33']))('workloads by kubectl %s', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
    await kubectl.ok('apply', '-f', kubectl.file('all.yaml', manifests))
  })

  afterAll(async () => {
    await server.close()
  })

  const field = (what: string, path: string) => kubectl.ok('get', what, '-o', `jsonpath={.${path}}`)
  const status = (what: string, fields: object) =>
    kubectl.ok(
      'patch',
      what,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status: fields }),
    )

  test('applied again they are unchanged, with all that the server filled in', async () => {
    const file = kubectl.file('all.yaml', manifests)
    const lines = (word: string) => made.map(name => `${name} ${word}\n`).join('')
    // Claim templates are replaced whole: kubectl sends them again without what was filled in.
    const [set = '', ...others] = lines('unchanged').split(/(?<=\n)/)
    expect(await kubectl.ok('apply', '-f', file)).toBe(
      [set.replace('unchanged', 'configured'), ...others].join(''),
    )
    expect(await field('sts/web', 'metadata.generation')).toBe('1')
    const applied = await kubectl.ok('apply', '--server-side', '--force-conflicts', '-f', file)
    expect(applied).toBe(lines('serverside-applied'))
    expect((await kubectl.run('diff', '-f', file)).code).toBe(0)
  })

  test.each(tables)('get %s prints what the original prints', async (kind, headings, row) => {
    const output = (await kubectl.ok('get', kind, '-o', 'wide')).replaceAll(/ +$/gm, '')
    expect(output.split('\n')[0]?.split(/ {2,}/).join(' ')).toBe(headings)
    expect(output).toMatch(row)
  })

  test('get all has those that are looked after, and not their templates', async () => {
    const all = await kubectl.ok('get', 'all', '-o', 'name')
    const shown = made.filter(name => !name.startsWith('podtemplate'))
    expect(made.filter(name => all.split('\n').includes(name))).toEqual(shown)
  })

  test.each(described)('describes %s', async (what, lines) => {
    const output = await kubectl.ok('describe', what)
    for (const line of lines) expect(output).toMatch(line)
  })

  test('scales those that have replicas', async () => {
    expect(await kubectl.ok('scale', 'sts/web', '--replicas=3')).toBe(
      'statefulset.apps/web scaled\n',
    )
    expect(await kubectl.ok('scale', 'rc/elder', '--replicas=0')).toBe(
      'replicationcontroller/elder scaled\n',
    )
    expect(await field('sts/web', 'spec.replicas')).toBe('3')
    expect(await field('rc/elder', 'spec.replicas')).toBe('0')
    const path = '/api/v1/namespaces/default/replicationcontrollers/elder/scale'
    const scale = await kubectl.ok('get', '--raw', path)
    expect(JSON.parse(scale)).toMatchObject({ kind: 'Scale', status: { selector: 'app=web' } })
    expect((await kubectl.run('scale', 'ds/agent', '--replicas=3')).code).toBe(1)
  })

  test('restarts, tells when a rollout is over, and goes back', async () => {
    const generation = Number(await field('ds/agent', 'metadata.generation'))
    expect(await kubectl.ok('rollout', 'restart', 'ds/agent', 'sts/web')).toBe(
      'daemonset.apps/agent restarted\nstatefulset.apps/web restarted\n',
    )
    expect(Number(await field('ds/agent', 'metadata.generation'))).toBe(generation + 1)
    const templates = String.raw`metadata.annotations.deprecated\.daemonset\.template\.generation`
    expect(await field('ds/agent', templates)).toBe('2')
    const counts = { updatedNumberScheduled: 1, numberAvailable: 1, desiredNumberScheduled: 1 }
    await status('ds/agent', { ...counts, observedGeneration: generation + 1 })
    expect(await kubectl.ok('rollout', 'status', 'ds/agent', '--timeout=10s')).toContain(
      'daemon set "agent" successfully rolled out',
    )
    const uid = await field('ds/agent', 'metadata.uid')
    const template = {
      $patch: 'replace',
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'nginx:1.24' }] },
    }
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid, controller: true }
    const revision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'agent-1', labels: { app: 'web' }, ownerReferences: [owner] },
      data: { spec: { template } },
      revision: 1,
    }
    const file = kubectl.file('revision.json', JSON.stringify(revision))
    expect(await kubectl.ok('create', '-f', file)).toBe('controllerrevision.apps/agent-1 created\n')
    expect(await kubectl.ok('get', 'controllerrevisions')).toMatch(
      /^NAME +CONTROLLER +REVISION +AGE\nagent-1 +daemonset\.apps\/agent +1 +\d\S*\n$/,
    )
    expect(await kubectl.ok('rollout', 'history', 'ds/agent')).toMatch(/^1 +<none>$/m)
    expect(await kubectl.ok('rollout', 'undo', 'ds/agent', '--to-revision=1')).toBe(
      'daemonset.apps/agent rolled back\n',
    )
    expect(await field('ds/agent', 'spec.template.spec.containers[0].image')).toBe('nginx:1.24')
  })

  test('creates jobs and cron jobs, also one from the other', async () => {
    expect(await kubectl.ok('create', 'job', 'hello', '--image=busybox', '--', 'echo', 'hi')).toBe(
      'job.batch/hello created\n',
    )
    const uid = await field('job/hello', 'metadata.uid')
    const label = String.raw`batch\.kubernetes\.io/controller-uid`
    expect(await field('job/hello', `spec.selector.matchLabels.${label}`)).toBe(uid)
    expect(await field('job/hello', `spec.template.metadata.labels.${label}`)).toBe(uid)
    expect(await field('job/hello', String.raw`metadata.labels.job-name`)).toBe('hello')
    const schedule = '--schedule=*/5 * * * *'
    expect(
      await kubectl.ok('create', 'cronjob', 'tick', '--image=busybox', schedule, '--', 'date'),
    ).toBe('cronjob.batch/tick created\n')
    expect(await kubectl.ok('create', 'job', 'tock', '--from=cronjob/tick')).toBe(
      'job.batch/tock created\n',
    )
    expect(await field('job/tock', 'metadata.ownerReferences[0].name')).toBe('tick')
    expect(await field('job/tock', 'spec.template.spec.containers[0].command')).toBe('["date"]')
    expect(
      await kubectl.ok('get', 'jobs', '--field-selector=status.successful=0', '-o', 'name'),
    ).toBe('job.batch/hello\njob.batch/once\njob.batch/tock\n')
  })

  test('sees a job end', async () => {
    const waiting = kubectl.ok('wait', '--for=condition=complete', 'job/once', '--timeout=20s')
    const startTime = '2026-01-01T00:00:00Z'
    const completionTime = '2026-01-01T00:01:30Z'
    const conditions = [{ type: 'Complete', status: 'True' }]
    await status('job/once', { startTime, completionTime, conditions, succeeded: 1 })
    expect(await waiting).toBe('job.batch/once condition met\n')
    expect(await kubectl.ok('get', 'job', 'once')).toMatch(/^once +Complete +1\/1 +90s +\d\S*$/m)
  })

  const refusals: readonly (readonly [what: string, patch: object, text: string])[] = [
    [
      'sts/web',
      { spec: { serviceName: 'other' } },
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals'",
    ],
    ['ds/agent', { spec: { selector: { matchLabels: { app: 'web', b: 'c' } } } }, 'is immutable'],
    [
      'job/hello',
      { spec: { template: { metadata: { labels: { a: 'b' } } } } },
      'The Job "hello" is invalid: spec.template: Invalid value: ',
    ],
    [
      'cj/tick',
      { spec: { schedule: 'now' } },
      'The CronJob "tick" is invalid: spec.schedule: Invalid value: "now": expected exactly 5 fields, found 1: [now]',
    ],
    [
      'rc/elder',
      { spec: { template: { spec: { restartPolicy: 'Never' } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  ]

  test.each(refusals)('a change of %s that may not be is refused', async (what, patch, text) => {
    const { code, stderr } = await kubectl.run('patch', what, '-p', JSON.stringify(patch))
    expect(stderr).toContain(text)
    expect(code).toBe(1)
  })

  test('looks into a pod, and asks more for it', async () => {
    const limits = '{"cpu":"1","memory":"64Mi"}'
    const overrides = `{"spec":{"containers":[{"name":"lone","image":"busybox","resources":{"limits":${limits}}}]}}`
    await kubectl.ok('run', 'lone', '--image=busybox', `--overrides=${overrides}`)
    await kubectl.ok('debug', 'pod/lone', '--image=busybox', '-c', 'eye', '--target=lone')
    expect(await field('pod/lone', 'spec.ephemeralContainers[*].name')).toBe('eye')
    expect(await field('pod/lone', 'metadata.generation')).toBe('2')
    const put = async (part: string, change: (pod: Pod) => Pod) => {
      const pod = JSON.parse(await kubectl.ok('get', 'pod', 'lone', '-o', 'json')) as Pod
      const file = kubectl.file('pod.json', JSON.stringify(change(pod)))
      const path = `/api/v1/namespaces/default/pods/lone/${part}`
      return kubectl.run('replace', '--raw', path, '-f', file)
    }
    const without = await put('ephemeralcontainers', pod => ({
      ...pod,
      spec: { ...pod.spec, ephemeralContainers: [] },
    }))
    expect(without.stderr).toContain('existing ephemeral containers "eye" may not be removed')
    const asking = (cpu: string, memory: string) => (pod: Pod) => ({
      ...pod,
      spec: {
        ...pod.spec,
        containers: pod.spec.containers.map(container => ({
          ...container,
          image: 'other',
          resources: { limits: { cpu, memory }, requests: { cpu, memory } },
        })),
      },
    })
    expect((await put('resize', asking('1', '32Mi'))).stderr).toContain(
      'memory limits cannot be decreased unless resizePolicy is RestartContainer',
    )
    const resized = await put('resize', asking('2', '128Mi'))
    expect(resized.stderr).toBe('')
    expect(await field('pod/lone', 'spec.containers[0].resources.limits')).toBe(
      '{"cpu":"2","memory":"128Mi"}',
    )
    expect(await field('pod/lone', 'spec.containers[0].image')).toBe('busybox')
    expect(await field('pod/lone', 'metadata.generation')).toBe('3')
  })

  test('deletes each, and leaves what it owns alone where that is asked for', async () => {
    await kubectl.ok('delete', 'rc/elder', '--cascade=orphan', '--wait=false')
    expect(await field('rc/elder', 'metadata.finalizers')).toBe('["orphan"]')
    const others = ['sts/web', 'ds/agent', 'podtemplate/mould', 'job/once', 'cj/nightly']
    const output = await kubectl.ok('delete', ...others)
    expect(output.match(/ deleted/g)).toHaveLength(others.length)
    expect((await kubectl.run('get', 'sts/web')).stderr).toBe(
      'Error from server (NotFound): statefulsets.apps "web" not found\n',
    )
  })
})

interface Pod {
  readonly spec: { readonly containers: readonly object[] }
}
