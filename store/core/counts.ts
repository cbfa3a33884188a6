// What a state machine has done since its process began, counted where it is done. No part of the state:
// members need not agree on it. Counterpart: the counters in etcd's mvcc and lease packages.

export class Counts {
  puts = 0
  /** Of keys and values that were put. */
  putBytes = 0
  /** Requests, and keys of leases that ended. */
  deletes = 0
  ranges = 0
  /** Transactions of more than one operation. */
  transactions = 0
  /** Handed to watchers; an event counts once for each. */
  events = 0
  /** Versions that a compaction has deleted. */
  compactedVersions = 0
  leasesGranted = 0
  leasesRenewed = 0
  /** Expired ones with them. */
  leasesRevoked = 0
  leasesExpired = 0
}
