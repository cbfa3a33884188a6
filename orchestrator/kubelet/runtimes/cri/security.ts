// What a sandbox and a container may do, as the CRI says it. Counterpart: kuberuntime's security_context and
// pkg/securitycontext. Pure. Left out: SELinux, user namespaces.

import type { Container, SecurityContext } from '../../../api/types/core-container.js'
import type { Pod } from '../../../api/types/core-pod.js'
import { PodConfigError } from '../../pod-fields.js'
import {
  type ContainerSecurityContext,
  namespaceMode,
  type NamespaceOption,
  profileType,
  type SandboxSecurityContext,
  type SecurityProfile,
} from './messages.js'

/** What of /proc and /sys tells too much of the machine. */
const maskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
/** What of /proc changes the machine. */
const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** Those that touch nobody outside of the pod. */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

export function namespaceOptions({ spec }: Pod): NamespaceOption {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = spec
  return {
    network: hostNetwork === true ? namespaceMode.node : namespaceMode.pod,
    pid:
      hostPID === true
        ? namespaceMode.node
        : shareProcessNamespace === true
          ? namespaceMode.pod
          : namespaceMode.container,
    ipc: hostIPC === true ? namespaceMode.node : namespaceMode.pod,
  }
}

/** Throws PodConfigError for those that could hurt others on the machine. */
export function sysctlsOf({ spec }: Pod): Readonly<Record<string, string>> {
  const wanted = spec.securityContext?.sysctls ?? []
  for (const { name } of wanted) {
    if (!safeSysctls.has(name))
      throw new PodConfigError(`forbidden sysctl: "${name}" not allowlisted`)
  }
  return Object.fromEntries(wanted.map(({ name, value }) => [name, value]))
}

export function sandboxSecurity(pod: Pod, seccompDefault: boolean): SandboxSecurityContext {
  const { runAsUser, runAsGroup } = pod.spec.securityContext ?? {}
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged: containers.some(({ securityContext }) => securityContext?.privileged === true),
    seccomp: seccompOf(pod, undefined, seccompDefault),
    supplementalGroups: groupsOf(pod),
    ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: runAsGroup } }),
  }
}

/** `imageUser`: a number or a name; '' for root. Throws PodConfigError where the pod refuses to run as that. */
export function containerSecurity(
  pod: Pod,
  container: Container,
  imageUser: string,
  seccompDefault: boolean,
): ContainerSecurityContext {
  const own = container.securityContext ?? {}
  const shared = pod.spec.securityContext ?? {}
  const privileged = own.privileged === true
  const user = own.runAsUser ?? shared.runAsUser
  const group = own.runAsGroup ?? shared.runAsGroup
  if (own.runAsNonRoot ?? shared.runAsNonRoot) checkNonRoot(pod, container, user, imageUser)
  const unmasked = privileged || own.procMount === 'Unmasked'
  const seccomp = privileged
    ? { profileType: profileType.unconfined }
    : seccompOf(pod, own, seccompDefault)
  const apparmor = appArmorOf(pod, own)
  return {
    privileged,
    namespaceOptions: namespaceOptions(pod),
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    ...userOf(user, imageUser),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    supplementalGroups: groupsOf(pod),
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp,
    ...(apparmor === null ? {} : { apparmor }),
  }
}

function userOf(user: number | undefined, imageUser: string): ContainerSecurityContext {
  if (user !== undefined) return { runAsUser: { value: user } }
  if (imageUser === '') return {}
  return isNumber(imageUser)
    ? { runAsUser: { value: Number(imageUser) } }
    : { runAsUsername: imageUser }
}

const isNumber = (text: string): boolean => /^\d+$/.test(text)

function checkNonRoot(
  { metadata }: Pod,
  { name }: Container,
  user: number | undefined,
  imageUser: string,
): void {
  const which = `(pod: "${metadata.name}_${metadata.namespace}(${metadata.uid})", container: ${name})`
  if (user === 0) {
    throw new PodConfigError(`container's runAsUser breaks non-root policy ${which}`)
  }
  if (user !== undefined) return
  if (imageUser === '' || Number(imageUser) === 0) {
    throw new PodConfigError(`container has runAsNonRoot and image will run as root ${which}`)
  }
  if (!isNumber(imageUser)) {
    throw new PodConfigError(
      `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root ${which}`,
    )
  }
}

function groupsOf({ spec }: Pod): readonly number[] {
  const { supplementalGroups = [], fsGroup } = spec.securityContext ?? {}
  return fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup]
}

function seccompOf(
  { spec }: Pod,
  own: SecurityContext | undefined,
  seccompDefault: boolean,
): SecurityProfile {
  const profile = own?.seccompProfile ?? spec.securityContext?.seccompProfile
  if (profile === undefined) {
    return { profileType: seccompDefault ? profileType.runtimeDefault : profileType.unconfined }
  }
  return profileOf(profile, seccompDirectory)
}

/** Where profiles of the machine lie, as every kubelet has it. */
const seccompDirectory = '/var/lib/kubelet/seccomp/'

function appArmorOf({ spec }: Pod, own: SecurityContext): SecurityProfile | null {
  const profile = own.appArmorProfile ?? spec.securityContext?.appArmorProfile
  return profile === undefined ? null : profileOf(profile, '')
}

function profileOf(
  { type, localhostProfile = '' }: { readonly type: string; readonly localhostProfile?: string },
  directory: string,
): SecurityProfile {
  if (type === 'Unconfined') return { profileType: profileType.unconfined }
  if (type !== 'Localhost') return { profileType: profileType.runtimeDefault }
  return { profileType: profileType.localhost, localhostRef: `${directory}${localhostProfile}` }
}
