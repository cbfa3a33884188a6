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
/** Of one text in a command. */
export const commandTextBytesMax = 64 * 1024
export const entryBytesMax = 64 * 1024 * 1024
/** Leases in one checkpoint command. */
export const leaseCheckpointsPerCommandMax = 1_000
export const systemRecordNameBytesMax = 256
/** Of one value; a snapshot carries it in one frame. */
export const systemRecordBytesMax = 1024 * 1024
export const systemRecordsMax = 100_000
/** All names and values together: they stay in memory. */
export const systemRecordsBytesMax = 64 * 1024 * 1024
