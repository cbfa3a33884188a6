// The one error family of the house, and the assertions that run in production.
// Every error that crosses a room carries a stable code, whether a retry can help, and what
// is known of the effect; clients and the chaos checker decide by these, never by the message.

/** What is known of an operation that failed: it certainly did not happen, or it may have. */
export type Outcome = 'not-applied' | 'unknown'

export interface ErrorTraits {
  readonly code: string
  readonly retryable: boolean
  readonly outcome: Outcome
  readonly cause?: unknown
}

export class RaftsmanError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly outcome: Outcome

  constructor(message: string, traits: ErrorTraits) {
    super(message, traits.cause === undefined ? undefined : { cause: traits.cause })
    this.name = new.target.name
    this.code = traits.code
    this.retryable = traits.retryable
    this.outcome = traits.outcome
  }
}

/** A broken invariant. Nothing catches it: the process logs it and ends. */
export class InvariantViolation extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvariantViolation'
  }
}

/** On in production: a wrong state must not live long enough to be replicated. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message)
}

/** The value, or an InvariantViolation where it is null or undefined. */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new InvariantViolation(message)
  return value
}

/** Closes an exhaustive switch. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${JSON.stringify(value)}`)
}
