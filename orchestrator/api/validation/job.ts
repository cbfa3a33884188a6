// Checks of Jobs, and of what an update may change in them. Counterpart: ValidateJob and
// ValidateJobUpdate of pkg/apis/batch/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import { labelSelectorFromObject, matchesLabels } from '../selectors.js'
import type { Job, JobSpec } from '../types/batch.js'
import type { PodSpec, PodTemplateSpec } from '../types/core-pod.js'
import { invalidFor, invalidValue, notSupported, required, tooLong } from './field-errors.js'
import { validateFailurePolicy, validateSuccessPolicy } from './job-policies.js'
import { validateJobStatus } from './job-status.js'
import { immutableText, validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain } from './names.js'
import { validatePodTemplate } from './pod.js'
import { validateCounts, validateSelected } from './workload-parts.js'

const parallelismMax = 100_000
const failedIndexesMax = 100_000
/** Above this many completions with a limit for each, the text of failed indexes has to stay short. */
const completionsSoftLimit = 100_000
const highCompletionsMax = 10_000
const managedByBytesMax = 63

const completionModes = ['NonIndexed', 'Indexed'] as const

export function validateJob(job: Job, old: Job | null): FieldError[] {
  const { spec, status } = job
  return [
    ...validateObjectName(job, dns1123Subdomain),
    ...validateHostName(job),
    ...validateGeneratedSelector(job, old),
    ...validateJobSpec(spec, 'spec'),
    ...(spec.selector === undefined
      ? [required('spec.selector')]
      : [
          ...validateLabelSelector(spec.selector, 'spec.selector'),
          ...validateSelected(spec.selector, spec.template),
        ]),
    ...(old === null ? [] : validateUpdate(job, old)),
    ...(status === undefined ? [] : validateJobStatus(job, old)),
  ]
}

/** The last pod of an Indexed Job has the longest host name. */
function validateHostName({ metadata, spec }: Job): FieldError[] {
  const { name = '' } = metadata
  const { completionMode, completions = 0 } = spec
  if (completionMode !== 'Indexed' || completions <= 0) return []
  const longest = `${name}-${completions - 1}`
  if (dns1123Label(longest).length === 0) return []
  const text = `will not able to create pod with invalid DNS label: ${longest}`
  return [invalidValue('metadata.name', name, text)]
}

const legacyLabels = { uid: 'controller-uid', name: 'job-name' } as const
const prefixedLabels = {
  uid: 'batch.kubernetes.io/controller-uid',
  name: 'batch.kubernetes.io/job-name',
} as const

/** What was generated for this Job must be what it was generated from. */
function validateGeneratedSelector(job: Job, old: Job | null): FieldError[] {
  const { selector, manualSelector, template } = job.spec
  if (manualSelector === true || selector === undefined) return []
  const { uid = '', name = '' } = job.metadata
  const field = 'spec.template.metadata'
  const labels = template.metadata?.labels ?? {}
  const had = old?.spec.template.metadata?.labels
  const prefixed =
    had === undefined ||
    (Object.hasOwn(had, prefixedLabels.uid) && Object.hasOwn(had, prefixedLabels.name))
  const wanted = new Map<string, string>([
    [legacyLabels.uid, uid],
    [legacyLabels.name, name],
    ...(prefixed
      ? ([
          [prefixedLabels.uid, uid],
          [prefixedLabels.name, name],
        ] as const)
      : []),
  ])
  const errors: FieldError[] = []
  if (uid === '') errors.push(required('metadata.uid'))
  for (const [key, value] of wanted) {
    const found = Object.hasOwn(labels, key) ? labels[key] : undefined
    if (found === undefined) errors.push(required(`${field}.labels[${key}]`, `must be '${value}'`))
    else if (found !== value) {
      errors.push(invalidValue(`${field}.labels[${key}]`, labels, `must be '${value}'`))
    }
  }
  const parsed = labelSelectorFromObject(selector)
  if (parsed !== null && !matchesLabels(parsed, Object.fromEntries(wanted))) {
    const shown = selector as JsonObject
    errors.push(invalidValue('spec.selector', shown, '`selector` not auto-generated'))
  }
  return errors
}

/** What Jobs and the templates of CronJobs are held to alike. */
export function validateJobSpec(spec: JobSpec, field: string): FieldError[] {
  const { podFailurePolicy, template } = spec
  return [
    ...validateCounts(
      spec,
      [
        'parallelism',
        'completions',
        'activeDeadlineSeconds',
        'backoffLimit',
        'ttlSecondsAfterFinished',
        'backoffLimitPerIndex',
        'maxFailedIndexes',
      ],
      field,
    ),
    ...validateManager(spec.managedBy, `${field}.managedBy`),
    ...validateCompletionMode(spec, field),
    ...(podFailurePolicy === undefined
      ? []
      : validateFailurePolicy(podFailurePolicy, spec, `${field}.podFailurePolicy`)),
    ...validateSuccess(spec, `${field}.successPolicy`),
    ...validateReplacement(spec, `${field}.podReplacementPolicy`),
    ...validatePodTemplate(template, `${field}.template`),
    ...validateRestartPolicy(spec, `${field}.template.spec.restartPolicy`),
  ]
}

function validateManager(managedBy: string | undefined, field: string): FieldError[] {
  if (managedBy === undefined) return []
  const errors: FieldError[] = []
  if (managedBy === '') errors.push(required(field))
  else {
    const slash = managedBy.indexOf('/')
    const host = managedBy.slice(0, slash)
    const path = managedBy.slice(slash + 1)
    if (slash <= 0 || path === '') {
      const text = 'must be a domain-prefixed path (such as "acme.io/foo")'
      errors.push(invalidValue(field, managedBy, text))
    } else {
      errors.push(...invalidFor(field, host, dns1123Subdomain(host)))
      if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) {
        const pattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
        const text = `Invalid path (regex used for validation is '${pattern}')`
        errors.push(invalidValue(field, path, text))
      }
    }
  }
  if (managedBy.length > managedByBytesMax) errors.push(tooLong(field, managedByBytesMax))
  return errors
}

function validateCompletionMode(spec: JobSpec, field: string): FieldError[] {
  const { completionMode: mode, backoffLimitPerIndex, maxFailedIndexes } = spec
  const errors: FieldError[] = []
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    const text = 'when maxFailedIndexes is specified'
    errors.push(required(`${field}.backoffLimitPerIndex`, text))
  }
  if (mode === 'Indexed') return [...errors, ...validateIndexed(spec, field)]
  if (mode !== undefined && mode !== 'NonIndexed') {
    errors.push(notSupported(`${field}.completionMode`, mode, completionModes))
    return errors
  }
  for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[name] === undefined) continue
    errors.push(invalidValue(`${field}.${name}`, spec[name], 'requires indexed completion mode'))
  }
  return errors
}

function validateIndexed(spec: JobSpec, field: string): FieldError[] {
  const { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec
  const errors: FieldError[] = []
  const failed = maxFailedIndexes ?? 0
  const wrong = (name: string, value: number, text: string) =>
    errors.push(invalidValue(`${field}.${name}`, value, text))
  if (completions === undefined) {
    errors.push(required(`${field}.completions`, 'when completion mode is Indexed'))
  }
  if (parallelism > parallelismMax) {
    const text = `must be less than or equal to ${parallelismMax} when completion mode is Indexed`
    wrong('parallelism', parallelism, text)
  }
  if (completions !== undefined && failed > completions) {
    wrong('maxFailedIndexes', failed, 'must be less than or equal to completions')
  }
  if (failed > failedIndexesMax) {
    wrong('maxFailedIndexes', failed, `must be less than or equal to ${failedIndexesMax}`)
  }
  if ((completions ?? 0) <= completionsSoftLimit || backoffLimitPerIndex === undefined) {
    return errors
  }
  if (maxFailedIndexes === undefined) {
    const text = `must be specified when completions is above ${completionsSoftLimit}`
    errors.push(required(`${field}.maxFailedIndexes`, text))
  }
  const text =
    `must be less than or equal to ${highCompletionsMax} when completions are above ` +
    `${completionsSoftLimit} and used with backoff limit per index`
  if (parallelism > highCompletionsMax) wrong('parallelism', parallelism, text)
  if (failed > highCompletionsMax) wrong('maxFailedIndexes', failed, text)
  return errors
}

function validateSuccess(spec: JobSpec, field: string): FieldError[] {
  const { successPolicy, completionMode, completions = 0 } = spec
  if (successPolicy === undefined) return []
  if (completionMode !== 'Indexed') {
    const shown = { rules: successPolicy.rules.map(rule => ({ ...rule })) }
    return [invalidValue(field, shown, 'requires indexed completion mode')]
  }
  return validateSuccessPolicy(successPolicy, completions, field)
}

function validateReplacement(
  { podReplacementPolicy: policy, podFailurePolicy }: JobSpec,
  field: string,
): FieldError[] {
  if (policy === undefined) return []
  const known = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  return known.includes(policy) ? [] : [notSupported(field, policy, known)]
}

/** A pod that is started again for ever never completes anything. */
function validateRestartPolicy(spec: JobSpec, field: string): FieldError[] {
  const policy = spec.template.spec?.restartPolicy ?? ''
  if (policy === '' || policy === 'Always') {
    return [required(field, 'valid values: "OnFailure", "Never"')]
  }
  if (policy !== 'OnFailure' && policy !== 'Never') {
    return [notSupported(field, policy, ['OnFailure', 'Never'])]
  }
  if (spec.podFailurePolicy === undefined || policy === 'Never') return []
  const text = 'only "Never" is supported when podFailurePolicy is specified'
  return [invalidValue(field, policy, text)]
}

const immutableFields = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const

function validateUpdate(job: Job, old: Job): FieldError[] {
  const { spec } = job
  const errors = validateCompletionsUpdate(spec, old.spec)
  for (const name of immutableFields) {
    if (sameJson(spec[name], old.spec[name])) continue
    const value = spec[name] as JsonObject | string | number | undefined
    errors.push(invalidValue(`spec.${name}`, value, immutableText))
  }
  const before = neverStarted(old)
    ? withSchedulingOf(old.spec.template, spec.template)
    : old.spec.template
  if (!sameJson(spec.template, before)) {
    const shown = { ...spec.template } as JsonObject
    errors.push(invalidValue('spec.template', shown, immutableText))
  }
  return errors
}

/** An Indexed Job may grow and shrink, as long as all its indexes run at once. */
function validateCompletionsUpdate(spec: JobSpec, old: JobSpec): FieldError[] {
  const { completions, parallelism, completionMode } = spec
  if (completions === old.completions) return []
  const field = 'spec.completions'
  if (completionMode !== 'Indexed') return [invalidValue(field, completions, immutableText)]
  if (completions === undefined || completions === parallelism) return []
  const text = 'can only be modified in tandem with spec.parallelism'
  return [invalidValue(field, completions, text)]
}

/** Before any pod was made, where they are to run may still be decided: queues rest on that. */
function neverStarted(job: Job): boolean {
  return job.spec.suspend === true && job.status?.startTime === undefined
}

/** The old template with whatever places pods taken from the new one. */
function withSchedulingOf(old: PodTemplateSpec, next: PodTemplateSpec): PodTemplateSpec {
  const { labels: _l, annotations: _a, ...metadata } = old.metadata ?? {}
  const {
    nodeSelector: _n,
    tolerations: _t,
    schedulingGates: _g,
    affinity,
    ...rest
  } = old.spec ?? ({} as Partial<PodSpec>)
  const { labels, annotations } = next.metadata ?? {}
  const { nodeSelector, tolerations, schedulingGates } = next.spec ?? ({} as Partial<PodSpec>)
  const merged = {
    ...(old.metadata === undefined && next.metadata === undefined
      ? {}
      : { metadata: defined({ ...metadata, labels, annotations }) }),
    spec: defined({
      ...rest,
      nodeSelector,
      tolerations,
      schedulingGates,
      affinity: withNodeAffinityOf(affinity, next.spec?.affinity),
    }),
  }
  return merged as PodTemplateSpec
}

function withNodeAffinityOf(
  old: PodSpec['affinity'],
  next: PodSpec['affinity'],
): PodSpec['affinity'] {
  const { nodeAffinity: _, ...others } = old ?? {}
  if (next === undefined) return Object.keys(others).length === 0 ? undefined : others
  return defined({ ...others, nodeAffinity: next.nodeAffinity })
}

function defined(object: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
