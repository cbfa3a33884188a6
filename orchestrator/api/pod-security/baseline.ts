// The level `baseline`: no known way from a pod to its node.
// Counterpart: the baseline checks of k8s.io/pod-security-admission/policy.

import type { AppArmorProfile, SELinuxOptions } from '../types/core-container.js'
import type { PodSpec } from '../types/core-pod.js'
import {
  allContainers,
  containersText,
  containersWhere,
  plural,
  quoted,
  setters,
  sortedSet,
} from './check.js'
import type { Check, Rule } from './check.js'

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const appArmorProfile: Rule = (spec, { annotations = {} }) => {
  const bad = (profile: AppArmorProfile | undefined) =>
    profile !== undefined && !['RuntimeDefault', 'Localhost'].includes(profile.type)
  const ofPod = spec.securityContext?.appArmorProfile
  const profiles = allContainers(spec).map(c => c.securityContext?.appArmorProfile)
  const types = sortedSet([ofPod, ...profiles].flatMap(p => (p && bad(p) ? [p.type] : [])))
  const who = setters(
    bad(ofPod),
    containersWhere(spec, context => bad(context.appArmorProfile)),
  )
  const annotated = Object.entries(annotations)
    .filter(([name]) => name.startsWith(appArmorPrefix))
    .filter(([, value]) => !/^($|runtime\/default$|localhost\/)/.test(value))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .sort()
  const details = [
    ...(who === null ? [] : [`${who} must not set AppArmor profile type to ${quoted(types)}`]),
    ...annotated,
  ]
  if (details.length === 0) return null
  const count = types.length + annotated.length
  const reason = plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', count)
  return { reason, detail: details.join(', ') }
}

const harmlessCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const capabilities: Rule = spec => {
  const forbidden = (added: readonly string[] = []) =>
    added.filter(name => !harmlessCapabilities.has(name))
  const names = containersWhere(spec, c => forbidden(c.capabilities?.add).length > 0)
  if (names.length === 0) return null
  const added = allContainers(spec).flatMap(c => forbidden(c.securityContext?.capabilities?.add))
  return {
    reason: 'non-default capabilities',
    detail: `${containersText(names)} must not include ${quoted(sortedSet(added))} in securityContext.capabilities.add`,
  }
}

const hostNamespaces: Rule = spec => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter(name => spec[name])
  if (shared.length === 0) return null
  return { reason: 'host namespaces', detail: shared.map(name => `${name}=true`).join(', ') }
}

const hostPathVolumes: Rule = spec => {
  const names = (spec.volumes ?? []).filter(v => v.hostPath !== undefined).map(v => v.name)
  if (names.length === 0) return null
  const detail = `${plural('volume', 'volumes', names.length)} ${quoted(names)}`
  return { reason: 'hostPath volumes', detail }
}

const hostPorts: Rule = spec => {
  const portsOf = (container: PodSpec['containers'][number]) =>
    (container.ports ?? []).flatMap(port => (port.hostPort ? [String(port.hostPort)] : []))
  const bad = allContainers(spec).filter(container => portsOf(container).length > 0)
  if (bad.length === 0) return null
  const ports = sortedSet(bad.flatMap(portsOf))
  const uses = plural('uses', 'use', bad.length)
  const what = plural('hostPort', 'hostPorts', ports.length)
  const who = containersText(bad.map(container => container.name))
  return { reason: 'hostPort', detail: `${who} ${uses} ${what} ${ports.join(', ')}` }
}

const privileged: Rule = spec => {
  const names = containersWhere(spec, context => context.privileged === true)
  if (names.length === 0) return null
  const detail = `${containersText(names)} must not set securityContext.privileged=true`
  return { reason: 'privileged', detail }
}

const procMount: Rule = spec => {
  const bad = (type: string | undefined) => type !== undefined && type !== 'Default'
  const names = containersWhere(spec, context => bad(context.procMount))
  if (names.length === 0) return null
  const types = allContainers(spec).flatMap(({ securityContext }) =>
    bad(securityContext?.procMount) ? [securityContext?.procMount ?? ''] : [],
  )
  const detail = `${containersText(names)} must not set securityContext.procMount to ${quoted(sortedSet(types))}`
  return { reason: 'procMount', detail }
}

function seLinuxOptions(types: readonly string[]): Rule {
  const badType = ({ type = '' }: SELinuxOptions) => !types.includes(type)
  const bad = (options: SELinuxOptions | undefined) =>
    options !== undefined &&
    (badType(options) || (options.user ?? '') !== '' || (options.role ?? '') !== '')
  return spec => {
    const ofPod = spec.securityContext?.seLinuxOptions
    const names = containersWhere(spec, context => bad(context.seLinuxOptions))
    const who = setters(bad(ofPod), names)
    if (who === null) return null
    const all = [ofPod, ...allContainers(spec).map(c => c.securityContext?.seLinuxOptions)].filter(
      options => options !== undefined,
    )
    const wrong = sortedSet(all.filter(badType).map(options => options.type ?? ''))
    const data = [
      ...(wrong.length === 0 ? [] : [`${plural('type', 'types', wrong.length)} ${quoted(wrong)}`]),
      ...(all.some(options => (options.user ?? '') !== '') ? ['user may not be set'] : []),
      ...(all.some(options => (options.role ?? '') !== '') ? ['role may not be set'] : []),
    ]
    const detail = `${who} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`
    return { reason: 'seLinuxOptions', detail }
  }
}

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

const seccompPodAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainerPrefix = 'container.seccomp.security.alpha.kubernetes.io/'

const seccompAnnotations: Rule = (spec, { annotations = {} }) => {
  const names = [
    seccompPodAnnotation,
    ...allContainers(spec).map(({ name }) => `${seccompContainerPrefix}${name}`),
  ]
  const forbidden = sortedSet(
    names.flatMap(name => {
      const value = Object.hasOwn(annotations, name) ? annotations[name] : undefined
      const good =
        value === undefined || /^(runtime\/default$|docker\/default$|localhost\/)/.test(value)
      return good ? [] : [`${name}=${JSON.stringify(value)}`]
    }),
  )
  if (forbidden.length === 0) return null
  const what = plural('annotation', 'annotations', forbidden.length)
  return { reason: 'seccompProfile', detail: `forbidden ${what} ${forbidden.join(', ')}` }
}

/** What a pod or its containers set and must not; shared with the level above. */
export const seccompSetBadly: Rule = spec => {
  const bad = (type: string | undefined) =>
    type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'
  const ofPod = spec.securityContext?.seccompProfile?.type
  const who = setters(
    bad(ofPod),
    containersWhere(spec, context => bad(context.seccompProfile?.type)),
  )
  if (who === null) return null
  const types = [ofPod, ...allContainers(spec).map(c => c.securityContext?.seccompProfile?.type)]
  const values = sortedSet(types.flatMap(type => (type !== undefined && bad(type) ? [type] : [])))
  const detail = `${who} must not set securityContext.seccompProfile.type to ${quoted(values)}`
  return { reason: 'seccompProfile', detail }
}

function sysctls(allowed: readonly string[]): Rule {
  return spec => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name)
    const forbidden = names.filter(name => !allowed.includes(name))
    if (forbidden.length === 0) return null
    return { reason: 'forbidden sysctls', detail: forbidden.join(', ') }
  }
}

const safeSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const safeSince27 = [...safeSysctls, 'net.ipv4.ip_local_reserved_ports']
const safeSince29 = [
  ...safeSince27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const safeSince32 = [...safeSince29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

const windowsHostProcess: Rule = spec => {
  const who = setters(
    spec.securityContext?.windowsOptions?.hostProcess === true,
    containersWhere(spec, context => context.windowsOptions?.hostProcess === true),
  )
  if (who === null) return null
  const detail = `${who} must not set securityContext.windowsOptions.hostProcess=true`
  return { reason: 'hostProcess', detail }
}

export const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', rules: [[0, appArmorProfile]] },
  { id: 'capabilities_baseline', rules: [[0, capabilities]] },
  { id: 'hostNamespaces', rules: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', rules: [[0, hostPathVolumes]] },
  { id: 'hostPorts', rules: [[0, hostPorts]] },
  { id: 'privileged', rules: [[0, privileged]] },
  { id: 'procMount', rules: [[0, procMount]] },
  {
    id: 'seLinuxOptions',
    rules: [
      [0, seLinuxOptions(seLinuxTypes)],
      [31, seLinuxOptions([...seLinuxTypes, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    rules: [
      [0, seccompAnnotations],
      [19, seccompSetBadly],
    ],
  },
  {
    id: 'sysctls',
    rules: [
      [0, sysctls(safeSysctls)],
      [27, sysctls(safeSince27)],
      [29, sysctls(safeSince29)],
      [32, sysctls(safeSince32)],
    ],
  },
  { id: 'windowsHostProcess', rules: [[0, windowsHostProcess]] },
]
