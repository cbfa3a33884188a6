// What it takes to turn authentication on: root, who may do everything, and a user who reads some
// ranges and no more.

import type { Message } from './operation.js'

export const passwordOf = (user: string): string => `of ${user}`

/** Calls of the Auth service, in their order, each with its request. */
export function usersToAdd(reads: readonly Message[]): readonly (readonly [string, Message])[] {
  const root = 'root'
  const reader = 'reader'
  return [
    ['UserAdd', { name: root, password: passwordOf(root) }],
    ['UserGrantRole', { user: root, role: root }],
    ['RoleAdd', { name: reader }],
    ...reads.map(range => {
      const perm = { permType: 'READ', ...range }
      return ['RoleGrantPermission', { name: reader, perm }] as const
    }),
    ['UserAdd', { name: reader, password: passwordOf(reader) }],
    ['UserGrantRole', { user: reader, role: reader }],
    ['AuthEnable', {}],
  ]
}
