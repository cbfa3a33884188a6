import { describe, expect, test } from 'vitest'
import type { ObjectPart } from '../kind.js'
import { ephemeralContainers, resources } from '../kinds/core/pod-parts.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { checked } from '../testing/checked-object.js'

const amounts = (cpu: string, memory: string): JsonObject => ({ cpu, memory })
const container = { name: 'c', image: 'x:1' }
const now = '2026-01-01T00:00:00Z'

function pod(patch: Json = {}): KubeObject {
  return checked('Pod', { spec: { containers: [container] } }, patch)
}

/** What is wrong once the part has been taken from `next`. */
function errorsOf(part: ObjectPart, next: KubeObject, old: KubeObject): string[] {
  const errors = part.validate?.(part.merge(next, old, now), old) ?? []
  return errors.map(({ field, message }) => `${field}: ${message}`)
}

const spec = (fields: JsonObject): JsonObject => ({ spec: fields })
const mirror = { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }

describe('ephemeral containers', () => {
  const eye = { name: 'eye', image: 'busybox' }
  const field = 'spec.ephemeralContainers[0]'
  const withEye = (fields: JsonObject = {}) =>
    pod(spec({ ephemeralContainers: [{ ...eye, ...fields }] }))
  const closed = (name: string) =>
    `${field}.${name}: Forbidden: cannot be set for an Ephemeral Container`

  test('come, and nothing else does', () => {
    const next = { ...withEye(), metadata: { name: 'y', labels: { a: 'b' } } }
    const merged = ephemeralContainers.merge(next, pod(), now)
    expect(merged).toEqual({ ...pod(), spec: (withEye() as KubeObject & { spec: object }).spec })
    expect(errorsOf(ephemeralContainers, next, pod())).toEqual([])
  })

  test.each<readonly [JsonObject, ...string[]]>([
    [{ name: 'c' }, `${field}.name: Duplicate value: "c"`],
    [{ name: '' }, `${field}.name: Required value`],
    [{ image: '' }, `${field}.image: Required value`],
    [{ targetContainerName: 'd' }, `${field}.targetContainerName: Not found: "d"`],
    [{ targetContainerName: 'c' }],
    [{ ports: [{ containerPort: 80 }] }, closed('ports')],
    [{ resources: { limits: { cpu: '1' } } }, closed('resources')],
    [{ livenessProbe: { exec: { command: ['x'] } } }, closed('livenessProbe')],
    [
      { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 's' }] },
      `${field}.volumeMounts[0].name: Not found: "v"`,
      closed('volumeMounts[0].subPath'),
    ],
  ])('%j', (fields, ...errors) => {
    expect(errorsOf(ephemeralContainers, withEye(fields as JsonObject), pod())).toEqual(errors)
  })

  test('stay, and stay as they are', () => {
    const text = (verb: string) =>
      `spec.ephemeralContainers: Forbidden: existing ephemeral containers "eye" may not be ${verb}\n`
    expect(errorsOf(ephemeralContainers, pod(), withEye())).toEqual([text('removed')])
    expect(errorsOf(ephemeralContainers, withEye({ image: 'y' }), withEye())).toEqual([
      text('changed'),
    ])
    expect(errorsOf(ephemeralContainers, withEye(), withEye())).toEqual([])
  })

  test('are not for pods out of files', () => {
    expect(errorsOf(ephemeralContainers, withEye(), pod(mirror))).toEqual([
      ': Forbidden: static pods do not support ephemeral containers',
    ])
  })
})

describe('resources', () => {
  const asking = (
    limits: JsonObject | null,
    requests: JsonObject | null = limits,
    more: JsonObject = {},
  ) => {
    const asked = {
      ...(limits === null ? {} : { limits }),
      ...(requests === null ? {} : { requests }),
    }
    return pod(spec({ containers: [{ ...container, resources: asked, ...more }] }))
  }
  const at = 'spec.containers[0].resources'
  const qos = (is: string) =>
    `spec: Invalid value: "${is}": Pod QOS Class may not change as a result of resizing`
  const restart = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }

  test('change, and nothing else does', () => {
    const next = asking(amounts('2', '2Gi'), amounts('2', '2Gi'), { image: 'other' })
    const old = asking(amounts('1', '1Gi'))
    expect(errorsOf(resources, next, old)).toEqual([])
    expect(resources.merge(next, old, now)).toMatchObject({
      spec: { containers: [{ image: 'x:1', resources: { limits: amounts('2', '2Gi') } }] },
    })
  })

  test.each<readonly [what: string, next: KubeObject, old: KubeObject, ...errors: string[]]>([
    [
      'another class of service',
      asking(amounts('2', '2Gi'), amounts('1', '1Gi')),
      asking(amounts('1', '1Gi')),
      qos('Burstable'),
    ],
    [
      'less memory',
      asking(amounts('1', '1Gi')),
      asking(amounts('1', '2Gi')),
      `${at}.limits[memory]: Forbidden: memory limits cannot be decreased unless resizePolicy is RestartContainer`,
    ],
    [
      'less memory after a restart',
      asking(amounts('1', '1Gi'), amounts('1', '1Gi'), restart),
      asking(amounts('1', '2Gi'), amounts('1', '2Gi'), restart),
    ],
    [
      'a limit where there was none',
      asking({ memory: '1Gi' }, { cpu: '1', memory: '1Gi' }),
      asking(null, { cpu: '1', memory: '1Gi' }),
      `${at}.limits[memory]: Forbidden: memory limits cannot be added unless resizePolicy is RestartContainer`,
    ],
    [
      'no requests any more',
      asking(null, { memory: '1Gi' }),
      asking(null, amounts('1', '1Gi')),
      `${at}.requests: Forbidden: resource requests cannot be removed`,
    ],
    [
      'something else than CPU and memory',
      asking(null, { cpu: '1', 'ephemeral-storage': '1Gi' }),
      asking(null, { cpu: '1' }),
      'spec: Forbidden: only cpu and memory resources are mutable',
    ],
    [
      'other containers',
      pod(spec({ containers: [{ ...container, name: 'd' }] })),
      pod(),
      'spec: Forbidden: only cpu and memory resources are mutable',
    ],
    [
      'a pod out of a file',
      asking(amounts('1', '1Gi')),
      pod(mirror),
      ': Forbidden: static pods cannot be resized',
    ],
    [
      'a pod of Windows',
      pod(),
      pod(spec({ os: { name: 'windows' } })),
      ': Forbidden: windows pods cannot be resized',
    ],
    [
      'a node that cannot',
      asking(null, amounts('2', '1Gi')),
      {
        ...asking(null, amounts('1', '1Gi')),
        status: { containerStatuses: [{ name: 'c', state: { running: {} } }] },
      } as KubeObject,
      'spec: Forbidden: Pod running on node without support for resize',
    ],
  ])('%s', (_, next, old, ...errors) => {
    expect(errorsOf(resources, next as KubeObject, old as KubeObject)).toEqual(errors)
  })

  test('of init containers change where they stay on', () => {
    const init = (cpu: string, more: JsonObject = {}) =>
      pod(
        spec({
          initContainers: [{ name: 'i', image: 'x:1', resources: { requests: { cpu } }, ...more }],
        }),
      )
    const sidecar = { restartPolicy: 'Always' }
    expect(errorsOf(resources, init('2', sidecar), init('1', sidecar))).toEqual([])
    expect(errorsOf(resources, init('2'), init('1'))).toEqual([
      'spec: Forbidden: resources for non-sidecar init containers are immutable',
    ])
  })
})
