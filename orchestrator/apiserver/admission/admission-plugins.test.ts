import { describe, expect, test } from 'vitest'
import { limitRange } from '../../api/kinds/core/limit-range.js'
import type { JsonObject, KubeObject } from '../../api/object.js'
import { validateObject } from '../../api/validation/object.js'
import { check, mutate } from '../admission.js'
import type { AdmissionRequest, AdmissionView } from '../admission.js'
import { fieldAt } from '../object-fields.js'
import { kindOf, objectOf } from '../testing/objects.js'

const user = { name: 'admin', uid: '', groups: ['system:masters'], extra: {} }

/** Objects by "group/plural"; what is not there does not exist. */
function viewOf(objects: Readonly<Record<string, readonly KubeObject[]>>): AdmissionView {
  const list = (group: string, plural: string) => objects[`${group}/${plural}`] ?? []
  return {
    namespace: () => list('', 'namespaces')[0] ?? objectOf('Namespace', { name: 'a' }),
    serviceAccountExists: () => true,
    list,
    object: (group, plural, _, name) =>
      list(group, plural).find(object => object.metadata.name === name) ?? null,
  }
}

const container = (rest: JsonObject = {}) => ({ name: 'app', image: 'nginx', ...rest })
const pod = (spec: JsonObject = {}, name = 'p') =>
  objectOf('Pod', { name, namespace: 'a' }, { spec: { containers: [container()], ...spec } })

function requestOf(object: KubeObject, plural = 'pods', group = ''): AdmissionRequest {
  return {
    kind: kindOf(plural, group),
    subresource: '',
    operation: 'create',
    namespace: 'a',
    name: object.metadata.name ?? '',
    object,
    old: null,
    user,
  }
}

function admitted(object: KubeObject, view: AdmissionView): KubeObject {
  const request = requestOf(object)
  const mutated = mutate(request, view) ?? object
  check({ ...request, object: mutated }, view)
  return mutated
}

describe('LimitRanger', () => {
  const rangeOf = (...limits: readonly JsonObject[]) =>
    limitRange.withDefaults(
      objectOf('LimitRange', { name: 'l', namespace: 'a' }, { spec: { limits } }),
    )
  const viewWith = (...limits: readonly JsonObject[]) =>
    viewOf({ '/limitranges': [rangeOf(...limits)] })

  test('containers get what they leave out, and a note says so', () => {
    const view = viewWith({
      type: 'Container',
      default: { cpu: '1', memory: '1Gi' },
      defaultRequest: { cpu: '100m' },
    })
    const given = pod({
      containers: [container({ resources: { limits: { cpu: '2' } } })],
      initContainers: [container({ name: 'init' })],
    })
    const made = admitted(given, view)
    expect(fieldAt(made, 'spec.containers')).toMatchObject([
      {
        resources: {
          limits: { cpu: '2', memory: '1Gi' },
          requests: { cpu: '100m', memory: '1Gi' },
        },
      },
    ])
    expect(made.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu, memory request for container app; memory limit for container app; cpu, memory request for init container init; cpu, memory limit for init container init',
    )
  })

  const resources = (limits: JsonObject, requests: JsonObject) =>
    pod({ containers: [container({ resources: { limits, requests } })] })

  test.each<readonly [string, JsonObject, KubeObject, string]>([
    [
      'too little',
      { min: { cpu: '1' } },
      resources({}, { cpu: '500m' }),
      'minimum cpu usage per Container is 1, but request is 500m',
    ],
    [
      'too much',
      { max: { memory: '1Gi' } },
      resources({ memory: '2Gi' }, { memory: '1Gi' }),
      'maximum memory usage per Container is 1Gi, but limit is 2Gi',
    ],
    [
      'too wide',
      { maxLimitRequestRatio: { cpu: '2' } },
      resources({ cpu: '3' }, { cpu: '1' }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    ],
    [
      'no request to compare with',
      { maxLimitRequestRatio: { cpu: '2' } },
      resources({ cpu: '3' }, {}),
      'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
    ],
    [
      'two things',
      { min: { cpu: '1', memory: '1Gi' } },
      resources({ cpu: '2', memory: '2Gi' }, { cpu: '1m', memory: '1Mi' }),
      '[minimum cpu usage per Container is 1, but request is 1m, minimum memory usage per Container is 1Gi, but request is 1Mi]',
    ],
  ])('%s is refused', (_, item, given, text) => {
    expect(() => admitted(given, viewWith({ type: 'Container', ...item }))).toThrow(
      `pods "p" is forbidden: ${text}`,
    )
  })

  test('the bounds of pods are for their sum', () => {
    const view = viewWith({ type: 'Pod', max: { cpu: '2' } })
    const one = { name: 'b', image: 'x', resources: { limits: { cpu: '1500m' } } }
    const two = pod({ containers: [one, { ...one, name: 'c' }] })
    expect(() => admitted(pod({ containers: [one] }), view)).not.toThrow()
    expect(() => admitted(two, view)).toThrow('maximum cpu usage per Pod is 2, but limit is 3')
    expect(() => admitted(pod(), view)).toThrow(
      'maximum cpu usage per Pod is 2.  No limit is specified',
    )
  })

  test.each<readonly [JsonObject, string]>([
    [
      { type: 'Pod', default: { cpu: '1' } },
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
    ],
    [
      { type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } },
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ],
    [
      { type: 'PersistentVolumeClaim' },
      'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
    [
      { type: 'Container', maxLimitRequestRatio: { cpu: '500m' } },
      'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
    ],
    [
      { type: 'Thing' },
      'spec.limits[0].type: Invalid value: "Thing": must be a standard limit type or fully qualified',
    ],
  ])('a range of %j is invalid', (item, text) => {
    const errors = validateObject(limitRange, rangeOf(item), null)
    expect(errors.map(({ field, message }) => `${field}: ${message}`)).toContain(text)
  })
})

describe('Priority', () => {
  const classOf = (name: string, value: number, rest: JsonObject = {}) =>
    objectOf(
      'PriorityClass',
      { name },
      { value, preemptionPolicy: 'PreemptLowerPriority', ...rest },
    )
  const high = classOf('high', 1000, { preemptionPolicy: 'Never' })
  const usual = classOf('usual', 5, { globalDefault: true })
  const view = viewOf({ 'scheduling.k8s.io/priorityclasses': [high, usual] })

  test('comes from the class that is named, else from the one for everybody, else is 0', () => {
    expect(fieldAt(admitted(pod({ priorityClassName: 'high' }), view), 'spec')).toMatchObject({
      priority: 1000,
      preemptionPolicy: 'Never',
    })
    expect(fieldAt(admitted(pod(), view), 'spec')).toMatchObject({
      priorityClassName: 'usual',
      priority: 5,
    })
    expect(fieldAt(admitted(pod(), viewOf({})), 'spec.priority')).toBe(0)
  })

  test('is nobody else to say', () => {
    expect(() => admitted(pod({ priorityClassName: 'ghost' }), view)).toThrow(
      'pods "p" is forbidden: no PriorityClass with name ghost was found',
    )
    expect(() => admitted(pod({ priorityClassName: 'high', priority: 7 }), view)).toThrow(
      'the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    )
  })

  test('has one class for everybody', () => {
    const second = classOf('second', 1, { globalDefault: true })
    const request = requestOf(second, 'priorityclasses', 'scheduling.k8s.io')
    expect(() => check(request, view)).toThrow(
      'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    )
    expect(() => check({ ...request, object: usual }, view)).not.toThrow()
  })

  test.each<readonly [string, KubeObject, KubeObject | null, string]>([
    [
      'a reserved name',
      classOf('system-mine', 1),
      null,
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
    [
      'a value of the system',
      classOf('mine', 1_000_000_001),
      null,
      'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
    ],
    [
      'another value',
      classOf('mine', 2),
      classOf('mine', 1),
      'value: Forbidden: may not be changed in an update.',
    ],
  ])('%s is refused', (_, object, old, text) => {
    const errors = validateObject(kindOf('priorityclasses', 'scheduling.k8s.io'), object, old)
    expect(errors.map(({ field, message }) => `${field}: ${message}`)).toContain(text)
  })
})

describe('RuntimeClass', () => {
  const runtimeClass = objectOf(
    'RuntimeClass',
    { name: 'vm' },
    {
      handler: 'vm',
      overhead: { podFixed: { cpu: '250m' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
    },
  )
  const view = viewOf({ 'node.k8s.io/runtimeclasses': [runtimeClass] })

  test('brings its overhead and its nodes along', () => {
    const made = admitted(pod({ runtimeClassName: 'vm', nodeSelector: { a: 'b' } }), view)
    expect(fieldAt(made, 'spec')).toMatchObject({
      overhead: { cpu: '250m' },
      nodeSelector: { a: 'b', vm: 'yes' },
    })
    expect(fieldAt(made, 'spec.tolerations')).toContainEqual({ key: 'vm', operator: 'Exists' })
  })

  test.each<readonly [JsonObject, string]>([
    [{ runtimeClassName: 'ghost' }, 'pod rejected: RuntimeClass "ghost" not found'],
    [
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ])('a pod of %j is refused', (spec, text) => {
    expect(() => admitted(pod(spec), view)).toThrow(text)
  })
})

describe('PodSecurity', () => {
  const labelled = (labels: Readonly<Record<string, string>>, pods: readonly KubeObject[] = []) => {
    const prefixed = Object.entries(labels).map(([mode, value]) => [
      `pod-security.kubernetes.io/${mode}`,
      value,
    ])
    const metadata = { name: 'a', labels: Object.fromEntries(prefixed) as Record<string, string> }
    return viewOf({ '/namespaces': [objectOf('Namespace', metadata)], '/pods': pods })
  }
  const good = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  }
  const secured = (context: JsonObject, rest: JsonObject = {}) =>
    pod({ containers: [container({ securityContext: context })], ...rest })

  test('a plain pod is told all that restricted asks for', () => {
    expect(() => admitted(pod(), labelled({ enforce: 'restricted' }))).toThrow(
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    )
    expect(() => admitted(secured(good), labelled({ enforce: 'restricted' }))).not.toThrow()
    expect(() => admitted(pod(), labelled({ enforce: 'baseline' }))).not.toThrow()
  })

  test.each<readonly [string, KubeObject, string]>([
    [
      'hostPID',
      pod({ hostPID: true, hostNetwork: true }),
      'host namespaces (hostNetwork=true, hostPID=true)',
    ],
    [
      'hostPath',
      pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
      'hostPath volumes (volume "v")',
    ],
    [
      'privileged',
      secured({ privileged: true }),
      'privileged (container "app" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      secured({ capabilities: { add: ['NET_ADMIN', 'CHOWN'] } }),
      'non-default capabilities (container "app" must not include "NET_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'hostPort',
      pod({ containers: [container({ ports: [{ containerPort: 80, hostPort: 80 }] })] }),
      'hostPort (container "app" uses hostPort 80)',
    ],
    [
      'procMount',
      secured({ procMount: 'Unmasked' }),
      'procMount (container "app" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      'seLinux',
      secured({ seLinuxOptions: { type: 'x', user: 'u' } }),
      'seLinuxOptions (container "app" set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)',
    ],
    [
      'seccomp',
      secured({ seccompProfile: { type: 'Unconfined' } }),
      'seccompProfile (container "app" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'sysctls',
      pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'windows',
      pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
    [
      'appArmor',
      secured({ appArmorProfile: { type: 'Unconfined' } }),
      'forbidden AppArmor profile (container "app" must not set AppArmor profile type to "Unconfined")',
    ],
  ])('%s breaks baseline', (_, given, text) => {
    expect(() => admitted(given, labelled({ enforce: 'baseline' }))).toThrow(
      `violates PodSecurity "baseline:latest": ${text}`,
    )
    expect(() => admitted(given, labelled({}))).not.toThrow()
  })

  test.each<readonly [string, KubeObject, string]>([
    [
      'root',
      secured({ ...good, runAsUser: 0 }),
      'runAsUser=0 (container "app" must not set runAsUser=0)',
    ],
    [
      'an explicit no',
      secured({ ...good, runAsNonRoot: false }),
      'runAsNonRoot != true (container "app" must not set securityContext.runAsNonRoot=false)',
    ],
    [
      'nfs',
      secured(good, { volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }),
      'restricted volume types (volume "v" uses restricted volume type "nfs")',
    ],
  ])('%s breaks restricted', (_, given, text) => {
    expect(() => admitted(given, labelled({ enforce: 'restricted' }))).toThrow(
      `violates PodSecurity "restricted:latest": ${text}`,
    )
  })

  test('older versions ask for less', () => {
    const view = labelled({ enforce: 'restricted', 'enforce-version': 'v1.7' })
    expect(() => admitted(secured({ runAsNonRoot: true }), view)).not.toThrow()
    expect(() => admitted(pod(), view)).toThrow(
      'violates PodSecurity "restricted:v1.7": runAsNonRoot',
    )
  })

  test('warns about pods and what makes them', () => {
    const view = labelled({ warn: 'baseline' })
    const bad = pod({ hostNetwork: true })
    const text = 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    expect(check(requestOf(bad), view)).toEqual([text])
    const template = { spec: fieldAt(bad, 'spec') ?? null }
    const deployment = objectOf('Deployment', { name: 'd' }, { spec: { template } }, 'apps/v1')
    expect(check(requestOf(deployment, 'deployments', 'apps'), view)).toEqual([text])
  })

  test('labels must make sense, and tell which pods a stricter level would not let in', () => {
    const label = 'pod-security.kubernetes.io/enforce'
    const named = (level?: string) =>
      objectOf('Namespace', { name: 'a', labels: level === undefined ? {} : { [label]: level } })
    expect(() => check(requestOf(named('strict'), 'namespaces'), viewOf({}))).toThrow(
      `metadata.labels[${label}]: Invalid value: "strict": must be one of privileged, baseline, restricted`,
    )
    const pods = ['x', 'y'].map(name => pod({ hostNetwork: true }, name))
    const request = requestOf(named('baseline'), 'namespaces')
    const update: AdmissionRequest = { ...request, operation: 'update', old: named() }
    expect(check(update, labelled({}, pods))).toEqual([
      'existing pods in namespace "a" violate the new PodSecurity enforce level "baseline:latest"',
      'x (and 1 other pod): host namespaces',
    ])
  })
})
