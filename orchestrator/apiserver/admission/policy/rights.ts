// What expressions hear when they ask who may do what: by what has arrived here. Counterpart:
// plugin/authorizer.

import type { Asking, Decide } from '../../../api/cel/library/authorizer.js'
import { serviceAccountUser } from '../../../api/rbac/attributes.js'
import type { User } from '../../authentication.js'
import type { Authorizer } from '../../authorizer.js'

/** `user`: who makes the request. */
export function decideFor(authorizer: Pick<Authorizer, 'verdict'>, user: User): Decide {
  return (who, asked) => authorizer.verdict(who === null ? user : accountUser(who), asked)
}

function accountUser({ namespace, name }: NonNullable<Asking>): User {
  return {
    name: serviceAccountUser(namespace, name),
    uid: '',
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      'system:authenticated',
    ],
    extra: {},
  }
}
