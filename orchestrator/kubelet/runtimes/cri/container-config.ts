// A container of a pod as the CRI wants to hear of it. Counterpart: kuberuntime's generateContainerConfig. Pure.
// Left out: devices, which come from plugins of a kubelet, and of which this one has none.

import type { ContainerSpec, Mount } from '../../runtime.js'
import { containerAnnotations, containerLabels } from './labels.js'
import { linuxResources } from './linux-resources.js'
import { type ContainerConfig, type CriMount, mountPropagation } from './messages.js'
import { containerSecurity } from './security.js'

export interface ContainerPlace {
  readonly owner: string
  readonly seccompDefault: boolean
  /** Of the machine. */
  readonly memoryBytes: number
  /** On the machine: what the container finds as its /etc/hosts, and where it leaves its last words. */
  readonly hostsPath: string
  readonly terminationPath: string
}

/** Below the log directory of the pod. */
export const logPath = (name: string, attempt: number): string => `${name}/${attempt}.log`

/** Throws PodConfigError for what the pod must not ask for. */
export function containerConfig(spec: ContainerSpec, place: ContainerPlace): ContainerConfig {
  const { container, attempt, image, command, args, env, sandbox } = spec
  const { pod } = sandbox
  const { owner, seccompDefault, memoryBytes } = place
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.id, userSpecifiedImage: container.image ?? '' },
    command,
    args,
    workingDir: container.workingDir ?? '',
    envs: env.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })),
    mounts: allMounts(spec, place).map(mountOf),
    labels: containerLabels(pod, container, owner),
    annotations: containerAnnotations(container, attempt),
    logPath: logPath(container.name, attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: linuxResources(pod, container, memoryBytes),
      securityContext: containerSecurity(pod, container, image.user, seccompDefault),
    },
  }
}

function allMounts({ container, mounts }: ContainerSpec, place: ContainerPlace): readonly Mount[] {
  const kept = { readOnly: false, propagation: 'None' } as const
  const own: Mount[] = [{ hostPath: place.hostsPath, containerPath: '/etc/hosts', ...kept }]
  const { terminationMessagePath: path = '' } = container
  if (path !== '') own.push({ hostPath: place.terminationPath, containerPath: path, ...kept })
  // Who mounts something of his own there wants that.
  const taken = new Set(mounts.map(({ containerPath }) => containerPath))
  return [...mounts, ...own.filter(({ containerPath }) => !taken.has(containerPath))]
}

const propagations = {
  None: mountPropagation.private,
  HostToContainer: mountPropagation.hostToContainer,
  Bidirectional: mountPropagation.bidirectional,
} as const

const mountOf = ({ hostPath, containerPath, readOnly, propagation }: Mount): CriMount => ({
  hostPath,
  containerPath,
  readonly: readOnly,
  propagation: propagations[propagation],
})
