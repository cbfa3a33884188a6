// Counterpart: admissionregistration/validation. What an object got away with before, it may keep.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../types/admission-webhook.js'
import { expressionErrors } from './admission-policy.js'
import { validateMatchConditions, validateRule } from './admission-rules.js'
import { duplicate, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { dns1035, dns1123Subdomain } from './names.js'
import { validateWebhookClient } from './webhook-client.js'

const failurePolicies = ['Fail', 'Ignore']
const matchPolicies = ['Equivalent', 'Exact']
const reinvocationPolicies = ['IfNeeded', 'Never']
const harmless = ['None', 'NoneOnDryRun']
const sideEffectsKnown = ['None', 'NoneOnDryRun', 'Some', 'Unknown']
const reviewVersions = ['v1', 'v1beta1']
const timeoutSecondsMax = 30
const segmentsMin = 3

export function validateValidatingWebhooks(
  configuration: ValidatingWebhookConfiguration,
  old: ValidatingWebhookConfiguration | null,
): readonly FieldError[] {
  return [
    ...validateObjectName(configuration, dns1123Subdomain),
    ...validateWebhooks(configuration.webhooks ?? [], old?.webhooks ?? null),
  ]
}

export function validateMutatingWebhooks(
  configuration: MutatingWebhookConfiguration,
  old: MutatingWebhookConfiguration | null,
): readonly FieldError[] {
  const { webhooks = [] } = configuration
  return [
    ...validateObjectName(configuration, dns1123Subdomain),
    ...validateWebhooks(webhooks, old?.webhooks ?? null),
    ...webhooks.flatMap(({ reinvocationPolicy }, index) =>
      oneOf(reinvocationPolicies, reinvocationPolicy, `webhooks[${index}].reinvocationPolicy`),
    ),
  ]
}

/** What is asked of webhooks, less what those before did not keep to. */
interface Demands {
  readonly sideEffects: readonly string[]
  readonly knownReview: boolean
  readonly uniqueNames: boolean
  readonly conditions: boolean
}

function demandsAfter(
  webhooks: readonly ValidatingWebhook[],
  old: readonly ValidatingWebhook[] | null,
): Demands {
  const names = (old ?? []).map(({ name }) => name)
  const keptHarmless = (old ?? []).every(({ sideEffects }) => harmless.includes(sideEffects))
  const conditionsOf = (list: readonly ValidatingWebhook[]) =>
    list.map(({ matchConditions = [] }) => matchConditions) as readonly object[] as Json
  return {
    sideEffects: keptHarmless ? harmless : sideEffectsKnown,
    knownReview: (old ?? []).every(hook => knowsReview(hook.admissionReviewVersions)),
    uniqueNames: new Set(names).size === names.length,
    conditions: old === null || !sameJson(conditionsOf(webhooks), conditionsOf(old)),
  }
}

function knowsReview(versions: readonly string[]): boolean {
  return versions.some(version => reviewVersions.includes(version))
}

function validateWebhooks(
  webhooks: readonly ValidatingWebhook[],
  old: readonly ValidatingWebhook[] | null,
): FieldError[] {
  const demands = demandsAfter(webhooks, old)
  const seen = new Set<string>()
  return webhooks.flatMap((webhook, index) => {
    const at = `webhooks[${index}]`
    const errors = [
      ...validateWebhook(webhook, at, demands),
      ...validateReviewVersions(
        webhook.admissionReviewVersions ?? [],
        `${at}.admissionReviewVersions`,
        demands,
      ),
    ]
    const { name } = webhook
    if (demands.uniqueNames && name !== '' && seen.has(name)) {
      errors.push(duplicate(`${at}.name`, name))
    }
    seen.add(name)
    return errors
  })
}

function validateWebhook(
  webhook: ValidatingWebhook | MutatingWebhook,
  at: string,
  demands: Demands,
): FieldError[] {
  const { rules = [], namespaceSelector, objectSelector, matchConditions = [] } = webhook
  const { timeoutSeconds = 1 } = webhook
  const selectors = [
    ['namespaceSelector', namespaceSelector],
    ['objectSelector', objectSelector],
  ] as const
  return [
    ...validateName(webhook.name ?? '', `${at}.name`),
    ...rules.flatMap((rule, index) => validateRule(rule, `${at}.rules[${index}]`)),
    ...oneOf(failurePolicies, webhook.failurePolicy, `${at}.failurePolicy`),
    ...oneOf(matchPolicies, webhook.matchPolicy, `${at}.matchPolicy`),
    ...validateSideEffects(webhook.sideEffects, `${at}.sideEffects`, demands),
    ...(timeoutSeconds < 1 || timeoutSeconds > timeoutSecondsMax
      ? [
          invalidValue(
            `${at}.timeoutSeconds`,
            timeoutSeconds,
            'the timeout value must be between 1 and 30 seconds',
          ),
        ]
      : []),
    ...selectors.flatMap(([name, selector]) =>
      selector === undefined ? [] : validateLabelSelector(selector, `${at}.${name}`),
    ),
    ...validateWebhookClient(webhook.clientConfig ?? {}, `${at}.clientConfig`),
    ...(demands.conditions
      ? validateMatchConditions(matchConditions, `${at}.matchConditions`, conditionErrors)
      : []),
  ]
}

const aroundConditions = { params: false, authorizer: true, variables: null }

function conditionErrors(expression: string, field: string): readonly FieldError[] {
  return expressionErrors(expression.trim(), field, aroundConditions, ['bool'])
}

function validateName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)]
  const details = dns1123Subdomain(name)
  if (details.length > 0) return [invalidValue(field, name, details.join(','))]
  if (name.split('.').length >= segmentsMin) return []
  const text = 'should be a domain with at least three segments separated by dots'
  return [invalidValue(field, name, text)]
}

function oneOf(known: readonly string[], value: string | undefined, field: string): FieldError[] {
  return value === undefined || known.includes(value) ? [] : [notSupported(field, value, known)]
}

function validateSideEffects(
  value: string | undefined,
  field: string,
  { sideEffects }: Demands,
): FieldError[] {
  if (value === undefined || value === '') {
    return [required(field, `must specify one of ${sideEffects.join(', ')}`)]
  }
  return oneOf(sideEffects, value, field)
}

function validateReviewVersions(
  versions: readonly string[],
  field: string,
  { knownReview }: Demands,
): FieldError[] {
  const known = reviewVersions.join(', ')
  if (versions.length === 0) return [required(field, `must specify one of ${known}`)]
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalidValue(`${field}[${index}]`, version, 'duplicate version')]
      : invalidFor(`${field}[${index}]`, version, dns1035(version)),
  )
  if (knownReview && !knowsReview(versions)) {
    errors.push(invalidValue(field, versions, `must include at least one of ${known}`))
  }
  return errors
}
