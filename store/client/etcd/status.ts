// What a call to etcd that failed means here: a stable code, whether a retry helps, and whether a write
// may have happened. Counterpart: rpctypes of etcd's client, which only names the errors. etcd answers
// "timed out" and "stopped" after it has proposed, so that those are unknown; what it refuses on
// sight is not applied. "Space exceeded" is both: the write that finds the quota full is applied and
// refused all the same.

import type { Outcome } from '../../../platform/errors.js'
import { rpcCode } from '../../../platform/rpc.js'
import type { RpcCode } from '../../../platform/rpc.js'
import type { RpcFailure } from '../../../platform/rpc-channel.js'
import { storeErrorCodeOf } from '../../core/errors.js'
import { StoreClientError } from '../call.js'

interface Meaning {
  readonly code: string
  readonly retryable: boolean
  readonly outcome: Outcome
  /** Another member may do better. */
  readonly elsewhere: boolean
}

const refused = (code: string): Meaning => ({
  code,
  retryable: false,
  outcome: 'not-applied',
  elsewhere: false,
})
const elsewhere = (code: string, outcome: Outcome): Meaning => ({
  code,
  retryable: true,
  outcome,
  elsewhere: true,
})
const later = (code: string, outcome: Outcome): Meaning => ({
  code,
  retryable: true,
  outcome,
  elsewhere: false,
})

/** By etcd's text, without "etcdserver: ". Texts of refusals by the state machine are in store/core. */
const byText: Readonly<Record<string, Meaning>> = {
  'no leader': elsewhere('no-leader', 'not-applied'),
  'not leader': elsewhere('not-leader', 'not-applied'),
  'leader changed': elsewhere('leader-lost', 'unknown'),
  'server stopped': elsewhere('stopped', 'unknown'),
  'request timed out': elsewhere('timeout', 'unknown'),
  'request timed out, possibly due to previous leader failure': elsewhere('timeout', 'unknown'),
  'request timed out, possibly due to connection lost': elsewhere('timeout', 'unknown'),
  'request timed out, waiting for the applied index took too long': elsewhere('timeout', 'unknown'),
  'unhealthy cluster': later('unhealthy', 'not-applied'),
  'too many requests': later('too-many-requests', 'not-applied'),
  'mvcc: database space exceeded': later('disk-full', 'unknown'),
  'corrupt cluster': refused('corrupt'),
  'rpc not supported for learner': elsewhere('learner', 'not-applied'),
  'not capable': refused('not-capable'),
  'member not found': refused('member-not-found'),
  'bad leader transferee': refused('member-not-found'),
  'permission denied': refused('permission-denied'),
  'invalid auth token': refused('unauthenticated'),
  'user name is empty': refused('unauthenticated'),
  'authentication failed, invalid user ID or password': refused('unauthenticated'),
}

const byCode: Readonly<Partial<Record<RpcCode, Meaning>>> = {
  [rpcCode.unavailable]: elsewhere('connection-lost', 'unknown'),
  [rpcCode.deadlineExceeded]: elsewhere('timeout', 'unknown'),
  [rpcCode.invalidArgument]: refused('malformed'),
  [rpcCode.unauthenticated]: refused('unauthenticated'),
  [rpcCode.permissionDenied]: refused('permission-denied'),
  [rpcCode.unimplemented]: refused('unsupported'),
  // Of the library: an answer above the limit of this side, or a request above the server's.
  [rpcCode.resourceExhausted]: refused('request-too-large'),
}

const prefix = 'etcdserver: '

function meaningOf({ code, message, sent }: RpcFailure): Meaning {
  if (!sent) return elsewhere('unavailable', 'not-applied')
  if (message.startsWith(prefix)) {
    const known = byText[message.slice(prefix.length)]
    if (known !== undefined) return known
  }
  const ours = storeErrorCodeOf(message)
  if (ours !== null) return refused(ours)
  return byCode[code] ?? { ...refused('etcd-error'), outcome: 'unknown' }
}

export interface EtcdFailure {
  readonly error: StoreClientError
  readonly elsewhere: boolean
}

/** `harmless`: what failed changes nothing, so that it certainly was not applied. */
export function etcdFailure(failure: RpcFailure, address: string, harmless: boolean): EtcdFailure {
  const { code, retryable, outcome, elsewhere } = meaningOf(failure)
  const said = failure.message.startsWith(prefix)
  const error = new StoreClientError(said ? failure.message : `${address}: ${failure.message}`, {
    code,
    retryable,
    outcome: harmless ? 'not-applied' : outcome,
  })
  return { error, elsewhere }
}
