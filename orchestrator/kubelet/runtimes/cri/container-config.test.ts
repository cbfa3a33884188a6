import { describe, expect, it } from 'vitest'
import type { Container } from '../../../api/types/core-container.js'
import type { Pod } from '../../../api/types/core-pod.js'
import type { ContainerSpec, SandboxSpec } from '../../runtime.js'
import { containerOf, podOf } from '../../testing/observation.js'
import { containerConfig } from './container-config.js'
import { linuxResources } from './linux-resources.js'
import { ContainerStatusRequest, namespaceMode, profileType, protocol } from './messages.js'
import { sandboxConfig } from './sandbox-config.js'
import { containerSecurity, sandboxSecurity } from './security.js'

const gib = 1024 ** 3

const sandboxOf = (pod: Pod): SandboxSpec => ({
  pod,
  names: { hostname: 'web', qualified: null },
  dns: { servers: ['10.0.0.1'], searches: ['a.example'], options: ['ndots:5'] },
  runtimeHandler: '',
})

const place = { attempt: 2, logDirectory: '/pods/u1/logs', owner: 'me', seccompDefault: false }

describe('a sandbox', () => {
  it('carries the pod, its labels and ours', () => {
    const pod = podOf({
      metadata: { labels: { app: 'web' }, annotations: { note: 'x' } },
      spec: {
        securityContext: {
          sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }],
          fsGroup: 7,
          runAsUser: 5,
        },
      },
    })
    expect(sandboxConfig(sandboxOf(pod), place)).toEqual({
      metadata: { name: 'web', namespace: 'default', uid: 'u1', attempt: 2 },
      hostname: 'web',
      logDirectory: '/pods/u1/logs',
      dnsConfig: { servers: ['10.0.0.1'], searches: ['a.example'], options: ['ndots:5'] },
      portMappings: [],
      labels: {
        app: 'web',
        'io.kubernetes.pod.name': 'web',
        'io.kubernetes.pod.namespace': 'default',
        'io.kubernetes.pod.uid': 'u1',
        'raftsman.dev/node-identity': 'me',
      },
      annotations: { note: 'x' },
      linux: {
        securityContext: {
          namespaceOptions: {
            network: namespaceMode.pod,
            pid: namespaceMode.container,
            ipc: namespaceMode.pod,
          },
          privileged: false,
          seccomp: { profileType: profileType.unconfined },
          supplementalGroups: [7],
          runAsUser: { value: 5 },
        },
        sysctls: { 'net.ipv4.tcp_syncookies': '1' },
      },
    })
  })

  it('cannot be told from ours by labels of the pod', () => {
    const pod = podOf({ metadata: { labels: { 'raftsman.dev/node-identity': 'other' } } })
    const { labels } = sandboxConfig(sandboxOf(pod), place)
    expect(labels).toMatchObject({ 'raftsman.dev/node-identity': 'me' })
  })

  it('has its ports mapped, but for one on the network of the machine', () => {
    const ports = [
      { containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' },
      { containerPort: 53, protocol: 'UDP' },
    ]
    const containers = [containerOf('main', { ports })]
    const config = sandboxConfig(sandboxOf(podOf({ spec: { containers } })), place)
    expect(config.portMappings).toEqual([
      { protocol: protocol.TCP, containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' },
      { protocol: protocol.UDP, containerPort: 53, hostPort: 0, hostIp: '' },
    ])
    const onMachine = podOf({ spec: { containers, hostNetwork: true } })
    expect(sandboxConfig(sandboxOf(onMachine), place)).toMatchObject({
      portMappings: [],
      hostname: '',
    })
  })

  it('is refused for what touches others on the machine', () => {
    const sysctls = [{ name: 'kernel.msgmax', value: '1' }]
    const pod = podOf({ spec: { securityContext: { sysctls } } })
    expect(() => sandboxConfig(sandboxOf(pod), place)).toThrow(
      'forbidden sysctl: "kernel.msgmax" not allowlisted',
    )
  })

  it.each<[Partial<Pod['spec']>, string, number]>([
    [{ hostNetwork: true }, 'network', namespaceMode.node],
    [{ hostPID: true, shareProcessNamespace: false }, 'pid', namespaceMode.node],
    [{ shareProcessNamespace: true }, 'pid', namespaceMode.pod],
    [{ hostIPC: true }, 'ipc', namespaceMode.node],
  ])('with %j has its %s namespace of mode %i', (spec, which, mode) => {
    const { namespaceOptions } = sandboxSecurity(podOf({ spec }), false)
    expect(namespaceOptions).toMatchObject({ [which]: mode })
  })
})

const containerPlace = {
  owner: 'me',
  seccompDefault: false,
  memoryBytes: 8 * gib,
  hostsPath: '/pods/u1/etc-hosts',
  terminationPath: '/pods/u1/containers/main/1/termination-log',
}

function specOf(container: Container, more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    sandbox: sandboxOf(podOf({ spec: { containers: [container] } })),
    container,
    attempt: 1,
    image: { id: 'sha256:1', builtIn: false, user: '' },
    command: ['run'],
    args: ['fast'],
    env: [{ name: 'A', value: 'x=ü' }],
    mounts: [],
    ...more,
  }
}

describe('a container', () => {
  it('carries its command, environment, files and labels', () => {
    const container = containerOf('main', {
      image: 'app:1',
      workingDir: '/work',
      stdin: true,
      tty: true,
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'FallbackToLogsOnError',
    })
    const mount = {
      hostPath: '/pods/u1/volumes/data',
      containerPath: '/data',
      readOnly: true,
      propagation: 'HostToContainer' as const,
    }
    const config = containerConfig(specOf(container, { mounts: [mount] }), containerPlace)
    expect(config).toMatchObject({
      metadata: { name: 'main', attempt: 1 },
      image: { image: 'sha256:1', userSpecifiedImage: 'app:1' },
      command: ['run'],
      args: ['fast'],
      workingDir: '/work',
      envs: [{ key: 'A', value: Buffer.from('x=ü') }],
      labels: {
        'io.kubernetes.container.name': 'main',
        'io.kubernetes.pod.uid': 'u1',
        'raftsman.dev/node-identity': 'me',
      },
      annotations: {
        'io.kubernetes.container.restartCount': '1',
        'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
        'io.kubernetes.container.terminationMessagePolicy': 'FallbackToLogsOnError',
      },
      logPath: 'main/1.log',
      stdin: true,
      stdinOnce: false,
      tty: true,
    })
    const own = { readonly: false, propagation: 0 }
    expect(config.mounts).toEqual([
      {
        hostPath: '/pods/u1/volumes/data',
        containerPath: '/data',
        readonly: true,
        propagation: 1,
      },
      { hostPath: containerPlace.hostsPath, containerPath: '/etc/hosts', ...own },
      {
        hostPath: containerPlace.terminationPath,
        containerPath: '/dev/termination-log',
        ...own,
      },
    ])
  })

  it('keeps a hosts file that it mounts itself', () => {
    const mount = {
      hostPath: '/mine',
      containerPath: '/etc/hosts',
      readOnly: false,
      propagation: 'None' as const,
    }
    const config = containerConfig(specOf(containerOf('main'), { mounts: [mount] }), containerPlace)
    expect(config.mounts?.map(({ hostPath }) => hostPath)).toEqual(['/mine'])
  })
})

describe('what a container may use', () => {
  it.each<[string, Container['resources'], object]>([
    ['nothing that it asked for', {}, { cpuShares: 2, oomScoreAdj: 1000 }],
    [
      'all that it has to itself',
      { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '500m', memory: '64Mi' } },
      {
        cpuShares: 512,
        cpuQuota: 50_000,
        memoryLimitInBytes: 64 * 1024 ** 2,
        oomScoreAdj: -997,
      },
    ],
    [
      'a limit in place of a request',
      { limits: { cpu: '2' } },
      { cpuShares: 2048, cpuQuota: 200_000 },
    ],
    ['no less than the least quota', { limits: { cpu: '1m' } }, { cpuShares: 2, cpuQuota: 1000 }],
    ['half of the memory', { requests: { memory: '4Gi' } }, { oomScoreAdj: 500 }],
    ['all of the memory', { requests: { memory: '8Gi' } }, { oomScoreAdj: 3 }],
    ['next to nothing', { requests: { memory: '1' } }, { oomScoreAdj: 999 }],
    ['a large request', { requests: { cpu: '1000' } }, { cpuShares: 262_144 }],
  ])('is %s', (_, resources = {}, expected) => {
    const container = containerOf('main', { resources })
    const pod = podOf({ spec: { containers: [container] } })
    const found = linuxResources(pod, container, 8 * gib)
    expect(found).toMatchObject({ cpuPeriod: 100_000, ...expected })
    if (resources.limits?.['memory'] === undefined) {
      expect(found).not.toHaveProperty('memoryLimitInBytes')
    }
  })

  it('is killed last where the node cannot do without it', () => {
    const pod = podOf({ spec: { priority: 2_000_001_000 } })
    expect(linuxResources(pod, containerOf('main'), gib).oomScoreAdj).toBe(-997)
  })
})

interface SecurityCase {
  readonly pod?: Pod['spec']['securityContext']
  readonly container?: Container['securityContext']
  readonly imageUser?: string
  readonly seccompDefault?: boolean
}

function securityOf({ pod, container, imageUser = '', seccompDefault = false }: SecurityCase) {
  const spec = pod === undefined ? {} : { securityContext: pod }
  const one = containerOf('main', container === undefined ? {} : { securityContext: container })
  return containerSecurity(podOf({ spec }), one, imageUser, seccompDefault)
}

describe('what a container may do', () => {
  it.each<[string, SecurityCase, object]>([
    ['is as its image says: a number', { imageUser: '1000' }, { runAsUser: { value: 1000 } }],
    ['is as its image says: a name', { imageUser: 'worker' }, { runAsUsername: 'worker' }],
    [
      'is as it says before its pod and its image',
      { pod: { runAsUser: 1, runAsGroup: 2 }, container: { runAsUser: 3 }, imageUser: '4' },
      { runAsUser: { value: 3 }, runAsGroup: { value: 2 } },
    ],
    [
      'is shared with groups of the pod',
      { pod: { supplementalGroups: [5, 6], fsGroup: 7 } },
      { supplementalGroups: [5, 6, 7] },
    ],
    [
      'is by capabilities',
      { container: { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } } },
      { capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] } },
    ],
    [
      'is not more than at its start',
      { container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true } },
      { noNewPrivs: true, readonlyRootfs: true },
    ],
    [
      'is everything where it is privileged',
      { container: { privileged: true, seccompProfile: { type: 'RuntimeDefault' } } },
      {
        privileged: true,
        maskedPaths: [],
        readonlyPaths: [],
        seccomp: { profileType: profileType.unconfined },
      },
    ],
    ['is all of /proc', { container: { procMount: 'Unmasked' } }, { maskedPaths: [] }],
    [
      'is what the runtime lets pass where the node says so',
      { seccompDefault: true },
      { seccomp: { profileType: profileType.runtimeDefault } },
    ],
    [
      'is by a profile of the machine',
      { pod: { seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } } },
      {
        seccomp: {
          profileType: profileType.localhost,
          localhostRef: '/var/lib/kubelet/seccomp/p.json',
        },
      },
    ],
    [
      'is by AppArmor',
      { container: { appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' } } },
      { apparmor: { profileType: profileType.localhost, localhostRef: 'mine' } },
    ],
    ['may be as a number above 0', { pod: { runAsNonRoot: true }, imageUser: '9' }, {}],
  ])('%s', (_, choices, expected) => {
    expect(securityOf(choices)).toMatchObject(expected)
  })

  it('leaves out of sight what tells of the machine', () => {
    const { maskedPaths, readonlyPaths } = securityOf({})
    expect(maskedPaths).toContain('/proc/kcore')
    expect(readonlyPaths).toContain('/proc/sys')
  })

  it.each<[SecurityCase, string]>([
    [{ container: { runAsNonRoot: true } }, 'image will run as root'],
    [{ container: { runAsNonRoot: true }, imageUser: '0' }, 'image will run as root'],
    [{ container: { runAsNonRoot: true }, imageUser: 'worker' }, 'non-numeric user (worker)'],
    [{ container: { runAsNonRoot: true, runAsUser: 0 } }, 'runAsUser breaks non-root policy'],
  ])('is refused to %j', (choices, message) => {
    expect(() => securityOf(choices)).toThrow(message)
  })
})

it('messages are read by those who know more of them', () => {
  const bytes = ContainerStatusRequest.encode({ containerId: 'x' })
  expect(ContainerStatusRequest.decode(Buffer.concat([bytes, Buffer.from([0x10, 1])]))).toEqual({
    containerId: 'x',
  })
})
