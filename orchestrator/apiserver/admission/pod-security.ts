// PodSecurity: holds pods against the level that their namespace's labels ask for, and warns about
// workloads whose pods would be refused. Counterpart: k8s.io/pod-security-admission/admission. Pure.
// Left out: audit annotations, for there is no audit log, and exemptions by configuration.

import type { KubeObject, ObjectMeta } from '../../api/object.js'
import {
  compareLevels,
  levelVersionText,
  policyOf,
  samePolicy,
  violationsOf,
  violationsText,
} from '../../api/pod-security/policy.js'
import type { LevelVersion } from '../../api/pod-security/policy.js'
import { forbidden, invalid } from '../../api/status.js'
import type { Pod, PodSpec, PodTemplateSpec } from '../../api/types/core-pod.js'
import type { AdmissionRequest, AdmissionView } from '../admission.js'
import { fieldAt } from '../object-fields.js'
import { isKind } from './request.js'

/** Where kinds that make pods keep the template; by group and plural. */
const templatePaths: ReadonlyMap<string, string> = new Map([
  ['/replicationcontrollers', 'spec.template'],
  ['/podtemplates', 'template'],
  ['apps/replicasets', 'spec.template'],
  ['apps/deployments', 'spec.template'],
  ['apps/statefulsets', 'spec.template'],
  ['apps/daemonsets', 'spec.template'],
  ['batch/jobs', 'spec.template'],
  ['batch/cronjobs', 'spec.jobTemplate.spec.template'],
])

const ignoredSubresources = ['status', 'binding', 'eviction']

/** What to warn about. Throws ApiError Forbidden for a pod, Invalid for labels. */
export function checkPodSecurity(
  request: AdmissionRequest,
  view: AdmissionView,
): readonly string[] {
  const { kind, object, subresource } = request
  if (object === null) return []
  if (isKind(kind, '', 'namespaces')) return subresource === '' ? checkNamespace(request, view) : []
  if (isKind(kind, '', 'pods')) {
    if (ignoredSubresources.includes(subresource)) return []
    const pod = object as Pod
    if (request.old !== null && !isSignificant(pod, request.old as Pod)) return []
    return checkPod(request, view, pod.spec, pod.metadata, true)
  }
  const path = templatePaths.get(`${kind.group}/${kind.plural}`)
  const template = path === undefined ? undefined : fieldAt(object, path)
  if (template === undefined || subresource !== '') return []
  const { spec, metadata = {} } = template as PodTemplateSpec
  return spec === undefined ? [] : checkPod(request, view, spec, metadata, false)
}

function checkPod(
  request: AdmissionRequest,
  view: AdmissionView,
  spec: PodSpec,
  metadata: ObjectMeta,
  enforced: boolean,
): readonly string[] {
  const { policy } = policyOf(view.namespace(request.namespace)?.metadata.labels)
  const problem = (asked: LevelVersion) => {
    const violations = violationsOf(asked, spec, metadata)
    if (violations.length === 0) return null
    return `violate PodSecurity "${levelVersionText(asked)}": ${violationsText(violations)}`
  }
  const refusal = enforced ? problem(policy.enforce) : null
  if (refusal !== null) {
    const why = refusal.replace(/^violate/, 'violates')
    throw forbidden(request.kind, request.name, why)
  }
  const warning = problem(policy.warn)
  return warning === null ? [] : [`would ${warning}`]
}

/** Only new images and new containers make a pod another one. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const images = ({ spec }: Pod) =>
    [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
      .map(({ name, image = '' }) => `${name}=${image}`)
      .join()
  return images(pod) !== images(old)
}

const podsCheckedMax = 3_000

function checkNamespace(request: AdmissionRequest, view: AdmissionView): readonly string[] {
  const { kind, object, old } = request
  const { policy, errors } = policyOf(object?.metadata.labels)
  const before = old === null ? null : policyOf(old.metadata.labels)
  const fresh = errors.filter(
    ({ message }) => before?.errors.some(error => error.message === message) !== true,
  )
  if (fresh.length > 0) throw invalid(kind, request.name, fresh)
  const { enforce } = policy
  const last = before?.policy.enforce
  if (last === undefined || enforce.level === 'privileged' || samePolicy(enforce, last)) return []
  const relaxed = enforce.minor === last.minor && compareLevels(enforce.level, last.level) <= 0
  return relaxed ? [] : existingPods(request.name, enforce, view)
}

function existingPods(
  namespace: string,
  enforce: LevelVersion,
  view: AdmissionView,
): readonly string[] {
  const pods = view.list('', 'pods', namespace)
  const breaking = new Map<string, string[]>()
  for (const object of pods.slice(0, podsCheckedMax)) {
    const pod = object as Pod
    const reasons = violationsOf(enforce, pod.spec, pod.metadata).map(({ reason }) => reason)
    if (reasons.length === 0) continue
    const text = reasons.join(', ')
    breaking.set(text, [...(breaking.get(text) ?? []), nameOf(pod)].sort())
  }
  const lines = [...breaking].map(([text, [first = '', ...others]]) => {
    const more = others.length === 1 ? '1 other pod' : `${others.length} other pods`
    return others.length === 0 ? `${first}: ${text}` : `${first} (and ${more}): ${text}`
  })
  const level = levelVersionText(enforce)
  return [
    ...(pods.length > podsCheckedMax
      ? [
          `new PodSecurity enforce level only checked against the first ${podsCheckedMax} of ${pods.length} existing pods`,
        ]
      : []),
    ...(lines.length === 0
      ? []
      : [
          `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${level}"`,
        ]),
    ...lines.sort(),
  ]
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? ''
}
