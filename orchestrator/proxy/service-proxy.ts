// What the node process knows of a proxy, whichever way it does its work.

import type { AddressFamily } from '../api/address-range.js'
import type { ServicePortPlan } from './service-ports.js'

export interface ServiceProxy {
  /** Informers may be started before or after. */
  start(): void
  /** The node got another zone, or the first. */
  placeChanged(): void
  /** What is in the kernel stays there; what this process itself forwards ends. */
  stop(): Promise<void>
}

/** Told how far a proxy is behind; for health. */
export interface SyncObserver {
  /** Something changed that is not in force. */
  queued(): void
  /** In force is what these plans say, "namespace/name" to ports, by family. */
  synced(plans: ReadonlyMap<AddressFamily, ReadonlyMap<string, readonly ServicePortPlan[]>>): void
}
