// Limits every member must agree on, because what is applied depends on them: constants of the
// replicated format, not configuration. Budgets a member may choose for itself are StoreCoreConfig.

/** etcd's default for one request. */
export const requestBytesMax = 1.5 * 1024 * 1024
/** Largest of compares, success and failure operations; it shrinks with depth. */
export const txnOperationsMax = 128
/** Operations and compares of one transaction, all nested ones together. */
export const txnOperationsTotalMax = 4096
export const leaseTtlSecondsMax = 9_000_000_000
export const leasesMax = 1_000_000
/** Commands in one entry of the log. */
export const commandsPerEntryMax = 10_000
export const entryBytesMax = 64 * 1024 * 1024
/** Leases in one checkpoint command. */
export const leaseCheckpointsPerCommandMax = 1_000
