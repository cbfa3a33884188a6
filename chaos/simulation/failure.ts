// How a simulation ends badly: which promise was broken, and what was seen. The names are those of
// the checks in the report; the shrinker holds on to the name while it makes the run smaller.

export const checkNames = [
  'election-safety',
  'one-vote',
  'one-membership',
  'campaign-by-an-old-membership',
  'log-matching',
  'leader-completeness',
  'state-machine-safety',
  'committed-durable',
  'order-of-indexes',
  'monotonic',
  'durable-before-sent',
  'acknowledged-once',
  'not-applied',
  'linearizable-reads',
  'snapshot-content',
  'starts-again',
  'no-crash',
  'liveness',
  'stable-leader',
  'convergence',
] as const

/** What only a whole store can break. */
export const storeCheckNames = [
  'revision-witness',
  'linearizable-keys',
  'list-append',
  'equal-states',
  'compaction-keeps',
  'watch-filter',
  'watch-ordered',
  'watch-unique',
  'watch-atomic',
  'watch-resumable',
  'watch-bookmarkable',
  'watch-reliable',
  'watch-prev-kv',
  'watch-progress',
  'lease-not-early',
  'lease-gone',
  'lease-fenced',
  'lease-survives-elections',
] as const

/** What only a whole control plane can break. */
export const controlPlaneCheckNames = [
  'equal-states',
  'one-identity',
  'pod-kept',
  'bound-once',
  'room-on-the-node',
  'exact-replicas',
  'job-counted-once',
  'scheduled-once',
  'counts-kept',
  'budget-holds',
  'garbage-only',
  'leader-fenced',
  'evictions-paced',
  'converged',
] as const

export type CheckName =
  | (typeof checkNames)[number]
  | (typeof storeCheckNames)[number]
  | (typeof controlPlaneCheckNames)[number]

export class SimulationFailure extends Error {
  readonly check: CheckName

  constructor(check: CheckName, detail: string) {
    super(`${check}: ${detail}`)
    this.name = 'SimulationFailure'
    this.check = check
  }
}

/** The detail is built only when it is needed: this stands on the hot path. */
export function holds(
  condition: boolean,
  check: CheckName,
  detail: () => string,
): asserts condition {
  if (!condition) throw new SimulationFailure(check, detail())
}
