// What a user needs for a request before anything is done for it. A new kind of request does not
// compile before somebody has decided. Counterpart: the checks around etcd's services, those that were
// missing until CVE-2026-33413 included.

import { unreachable } from '../../../platform/errors.js'
import type { Request } from '../../protocol.js'
import type { Check } from './guard.js'

const known: Check = (check, by) => check.known(by)
const root: Check = (check, by) => check.root(by)

/**
 * What is asked of a user before anything else; null: by the operation and its keys, where it is done.
 * The same as in etcd.
 */
export function needOf(request: Request): Check | null {
  switch (request.kind) {
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
    case 'status':
    case 'memberList':
      return known
    case 'moveLeader':
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
    case 'snapshot':
    case 'hashKv':
    case 'space':
    case 'clusterVersion':
      return root
    case 'alarm':
      return request.request.action === 'get' ? known : root
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'openSession':
    case 'leaseLeases':
    case 'authenticate':
    case 'auth':
      return null
    default:
      return unreachable(request)
  }
}
