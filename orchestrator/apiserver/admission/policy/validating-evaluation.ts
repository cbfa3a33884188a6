// What a ValidatingAdmissionPolicy says about a request. Pure. Counterpart: the validator of
// plugin/policy/validating.

import type {
  ValidatingAdmissionPolicySpec,
  Validation,
} from '../../../api/types/admission-policy.js'
import { ExpressionError, PolicyRun } from './policy-run.js'
import type { PolicyInput } from './policy-run.js'

export interface Refusal {
  readonly message: string
  /** '' where the policy names none. */
  readonly reason: string
}

export interface Verdict {
  /** What does not hold. */
  readonly refusals: readonly Refusal[]
  /** What goes on record about the request, by key. */
  readonly annotations: ReadonlyMap<string, string>
  /** Annotations that could not be made: they refuse, whatever the binding makes of refusals. */
  readonly failures: readonly Refusal[]
}

const messageBytesMax = 5 * 1024
const nothing: Verdict = { refusals: [], annotations: new Map(), failures: [] }

export function evaluateValidations(
  spec: ValidatingAdmissionPolicySpec,
  input: PolicyInput,
): Verdict {
  const run = new PolicyRun(spec, input)
  const failing = (spec.failurePolicy ?? 'Fail') === 'Fail'
  const failed = (message: string): Verdict =>
    failing ? { ...nothing, refusals: [{ message, reason: '' }] } : nothing
  const matched = run.matches()
  if (matched === 'no') return nothing
  if (matched !== 'yes') return failed(matched.error)
  try {
    const refusals = validated(spec, run, failing)
    return { refusals, ...annotationsOf(spec, run.withBudget(), failing) }
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return failed(error.message)
  }
}

/** What does not hold; messages are made of what is left of the budget then. Throws ExpressionError, fatal. */
function validated(
  { validations = [] }: ValidatingAdmissionPolicySpec,
  run: PolicyRun,
  failing: boolean,
): readonly Refusal[] {
  const found: (Validation | Refusal)[] = []
  for (const validation of validations) {
    try {
      if (run.answer(validation.expression, ['bool'], full) !== true) found.push(validation)
    } catch (error) {
      if (!(error instanceof ExpressionError) || error.fatal) throw error
      if (failing) found.push({ message: error.message, reason: '' })
    }
  }
  return found.map(one =>
    'expression' in one ? { message: messageOf(run, one), reason: one.reason ?? 'Invalid' } : one,
  )
}

const full = { authorizer: true }
const withoutAuthorizer = { authorizer: false }

/** Throws ExpressionError, fatal, where the message costs too much. */
function messageOf(run: PolicyRun, validation: Validation): string {
  const { expression, message = '', messageExpression = '' } = validation
  if (messageExpression !== '') {
    try {
      const text = run.answer(messageExpression, ['string'], withoutAuthorizer)
      const trimmed = typeof text === 'string' ? text.trim() : ''
      const fits = Buffer.byteLength(trimmed) <= messageBytesMax && !trimmed.includes('\n')
      if (trimmed !== '' && fits) return trimmed
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      if (error.fatal) {
        throw new ExpressionError(`failed messageExpression: ${error.message}`, true)
      }
      // What does not hold does not hold; the plain message says so.
    }
  }
  return message.trim() || `failed expression: ${expression.trim()}`
}

/** Throws ExpressionError, fatal. */
function annotationsOf(
  { auditAnnotations = [] }: ValidatingAdmissionPolicySpec,
  run: PolicyRun,
  failing: boolean,
): Pick<Verdict, 'annotations' | 'failures'> {
  const annotations = new Map<string, string>()
  const failures: Refusal[] = []
  for (const { key, valueExpression } of auditAnnotations) {
    try {
      const value = run.answer(valueExpression.trim(), ['string', 'null'], full)
      if (typeof value === 'string') {
        if (value.trim() !== '') annotations.set(key, value.trim())
      } else if (value !== null) {
        const text = `valueExpression '${valueExpression}' resulted in unsupported return type. Return type must be either string or null`
        throw new ExpressionError(text, false)
      }
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      if (error.fatal) {
        // What does not hold is no more right for that, where failures are ignored.
        if (failing) throw error
        return { annotations: new Map(), failures: [] }
      }
      if (failing) failures.push({ message: error.message, reason: '' })
    }
  }
  return { annotations, failures }
}
