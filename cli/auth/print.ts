// Users and roles as etcdctl prints them. Pure.

import type { Access, AuthResponse, Permission } from '../../store/core/types.js'
import { prefixEnd } from '../kv/arguments.js'
import { headerOnlyJson } from '../kv/print.js'

const accesses: readonly Access[] = ['read', 'write', 'readwrite']

const base64 = (value: Uint8Array): string => Buffer.from(value).toString('base64')
const text = (value: Uint8Array): string => Buffer.from(value).toString('utf8')

export function roleLines(role: string, { permissions }: AuthResponse): readonly string[] {
  const over = (other: Access) =>
    permissions.filter(({ access }) => access !== other).map(permissionLine)
  return [`Role ${role}`, 'KV Read:', ...over('write'), 'KV Write:', ...over('read')]
}

function permissionLine({ key, end }: Permission): string {
  if (end === undefined || end.length === 0) return `\t${text(key)}`
  if (end.length === 1 && end[0] === 0) return `\t[${text(key)}, <open ended>`
  const prefix = Buffer.compare(prefixEnd(key), end) === 0 ? ` (prefix ${text(key)})` : ''
  return `\t[${text(key)}, ${text(end)})${prefix}`
}

export function roleJson(response: AuthResponse): object {
  return {
    ...headerOnlyJson(response),
    perm: response.permissions.map(({ access, key, end }) => ({
      permType: accesses.indexOf(access),
      key: base64(key),
      ...(end === undefined ? {} : { range_end: base64(end) }),
    })),
  }
}

export const namesJson = (response: AuthResponse, field: 'users' | 'roles'): object => ({
  ...headerOnlyJson(response),
  [field]: response.names,
})

export const statusJson = (response: AuthResponse): object => ({
  ...headerOnlyJson(response),
  enabled: response.enabled,
  authRevision: response.authRevision,
})

/** Of `role revoke-permission`. */
export function revokedLine(role: string, key: string, end: Uint8Array | undefined): string {
  if (end === undefined) return `Permission of key ${key} is revoked from role ${role}`
  const to = end.length === 1 && end[0] === 0 ? '<open ended>' : `${text(end)})`
  return `Permission of range [${key}, ${to} is revoked from role ${role}`
}
