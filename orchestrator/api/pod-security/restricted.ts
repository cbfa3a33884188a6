// The level `restricted`: baseline, and what is known to harden a pod.
// Counterpart: the restricted checks of k8s.io/pod-security-admission/policy.

import type { Volume } from '../types/core-volume.js'
import { seccompSetBadly } from './baseline.js'
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

/** What Linux alone has, pods that say they are for Windows need not set. */
function exceptWindows(rule: Rule): Rule {
  return (spec, metadata) => (spec.os?.name === 'windows' ? null : rule(spec, metadata))
}

const allowPrivilegeEscalation: Rule = spec => {
  const names = containersWhere(spec, context => context.allowPrivilegeEscalation !== false)
  if (names.length === 0) return null
  const detail = `${containersText(names)} must set securityContext.allowPrivilegeEscalation=false`
  return { reason: 'allowPrivilegeEscalation != false', detail }
}

const capabilities: Rule = spec => {
  const keeping = containersWhere(spec, ({ capabilities: c }) => c?.drop?.includes('ALL') !== true)
  const forbidden = (added: readonly string[] = []) =>
    added.filter(name => name !== 'NET_BIND_SERVICE')
  const adding = containersWhere(spec, context => forbidden(context.capabilities?.add).length > 0)
  const added = allContainers(spec).flatMap(c => forbidden(c.securityContext?.capabilities?.add))
  const details = [
    ...(keeping.length === 0
      ? []
      : [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(adding.length === 0
      ? []
      : [
          `${containersText(adding)} must not include ${quoted(sortedSet(added))} in securityContext.capabilities.add`,
        ]),
  ]
  if (details.length === 0) return null
  return { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const allowedVolumes: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

function volumeType(volume: Volume): string {
  return Object.keys(volume).find(field => field !== 'name') ?? 'unknown'
}

const volumes: Rule = spec => {
  const bad = (spec.volumes ?? []).filter(volume => !allowedVolumes.has(volumeType(volume)))
  if (bad.length === 0) return null
  const types = sortedSet(bad.map(volumeType))
  const who = `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(({ name }) => name))}`
  const uses = plural('uses', 'use', bad.length)
  const what = plural('restricted volume type', 'restricted volume types', types.length)
  return { reason: 'restricted volume types', detail: `${who} ${uses} ${what} ${quoted(types)}` }
}

const runAsNonRoot: Rule = spec => {
  const reason = 'runAsNonRoot != true'
  const ofPod = spec.securityContext?.runAsNonRoot
  const who = setters(
    ofPod === false,
    containersWhere(spec, context => context.runAsNonRoot === false),
  )
  if (who !== null) {
    return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` }
  }
  const silent = containersWhere(spec, context => context.runAsNonRoot === undefined)
  if (ofPod === true || silent.length === 0) return null
  const detail = `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true`
  return { reason, detail }
}

const runAsUser: Rule = spec => {
  const who = setters(
    spec.securityContext?.runAsUser === 0,
    containersWhere(spec, context => context.runAsUser === 0),
  )
  return who === null ? null : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` }
}

const seccompProfile: Rule = (spec, metadata) => {
  const badly = seccompSetBadly(spec, metadata)
  if (badly !== null) return badly
  const silent = containersWhere(spec, context => context.seccompProfile === undefined)
  if (spec.securityContext?.seccompProfile !== undefined || silent.length === 0) return null
  const detail = `pod or ${containersText(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`
  return { reason: 'seccompProfile', detail }
}

export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    rules: [
      [8, allowPrivilegeEscalation],
      [25, exceptWindows(allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    overrides: ['capabilities_baseline'],
    rules: [
      [22, capabilities],
      [25, exceptWindows(capabilities)],
    ],
  },
  { id: 'restrictedVolumes', overrides: ['hostPathVolumes'], rules: [[0, volumes]] },
  { id: 'runAsNonRoot', rules: [[0, runAsNonRoot]] },
  { id: 'runAsUser', rules: [[23, runAsUser]] },
  {
    id: 'seccompProfile_restricted',
    overrides: ['seccompProfile_baseline'],
    rules: [
      [19, seccompProfile],
      [25, exceptWindows(seccompProfile)],
    ],
  },
]
