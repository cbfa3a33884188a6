// Limits every member must agree on, because what is applied depends on them: constants of the
// replicated format, not configuration. Budgets a member may choose for itself are StoreCoreConfig.

/** etcd's default for one request. */
export const requestBytesMax = 1.5 * 1024 * 1024
/** Largest of compares, success and failure operations; it shrinks with depth. */
export const txnOperationsMax = 128
/** Operations and compares of one transaction, all nested ones together. */
export const txnOperationsTotalMax = 4096
export const leaseTtlSecondsMax = 9_000_000_000
/** No lease gets this id; it stands for ids that none can have. */
export const nobodysLease = 2 ** 53 - 1
export const leasesMax = 1_000_000
/** Of one watch; each costs a place in the index of watches. */
export const rangesPerWatchMax = 1_024
/** Commands in one entry of the log. */
export const commandsPerEntryMax = 10_000
/** Of one text in a command. */
export const commandTextBytesMax = 64 * 1024
export const entryBytesMax = 64 * 1024 * 1024
/** Leases in one checkpoint command. */
export const leaseCheckpointsPerCommandMax = 1_000
/** Of a member's name, and of each of its addresses; Raft's own limit. */
export const memberTextBytesMax = 255
/** Of one kind and one member. */
export const memberAddressesMax = 16
export interface SessionLimits {
  /** Of clients; those that were used longest ago make room. */
  readonly sessionsMax: number
  /** What all sessions hold together, about: it stays in memory. */
  readonly bytesMax: number
  /** Of answers that are kept whole, in one session. */
  readonly sessionBytesMax: number
  /** Of one answer that is kept whole. */
  readonly answerBytesMax: number
  /** How far a number may be ahead of the first whose answer the client has not seen. */
  readonly numbersMax: number
}

export const sessionLimits: SessionLimits = {
  sessionsMax: 4_096,
  bytesMax: 32 * 1024 * 1024,
  sessionBytesMax: 256 * 1024,
  answerBytesMax: 4 * 1024,
  numbersMax: 4_096,
}
/** Of the nonce by which a client's opening of a session is known when it comes again: no more, no less. */
export const nonceBytes = 16
export const systemRecordNameBytesMax = 256
/** Of one value; a snapshot carries it in one frame. */
export const systemRecordBytesMax = 1024 * 1024
export const systemRecordsMax = 100_000
/** All names and values together: they stay in memory. */
export const systemRecordsBytesMax = 64 * 1024 * 1024
/** Names of users and roles, in UTF-8; they end the names of system records. */
export const authNameBytesMax = 200
export const usersMax = 10_000
export const rolesMax = 10_000
export const rolesPerUserMax = 1_000
export const permissionsPerRoleMax = 10_000
/** A salted hash with its parameters; the state machine does not look into it. */
export const passwordHashBytesMax = 512
/** With which tokens are signed. */
export const authSecretBytes = 32
