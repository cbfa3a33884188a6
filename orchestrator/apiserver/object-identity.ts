// What makes an object this one and no other of its name: a random id and the second it was made.
// Counterpart: rest.FillObjectMetaSystemFields and pkg/util/uuid of k8s.io/apimachinery.

import type { Clock } from '../../platform/clock.js'
import type { Random } from '../../platform/random.js'
import { timestamp } from './deletion.js'

const uidBytes = 16

export interface ObjectIdentity {
  readonly uid: string
  /** RFC 3339, in seconds. */
  readonly creationTimestamp: string
}

export function newIdentity(clock: Clock, random: Random): ObjectIdentity {
  return { uid: randomUid(random), creationTimestamp: timestamp(clock.wallMs()) }
}

/** RFC 9562 version 4. */
export function randomUid(random: Random): string {
  const b = Uint8Array.from(random.bytes(uidBytes))
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(b).toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-')
}
