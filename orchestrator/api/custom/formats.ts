// The formats of strings that are checked; others are taken as notes. Every check is linear in the
// length of the text. Counterpart: kube-openapi's strfmt and the list in apiserver/validation.

import { isBase64 } from '../base64.js'
import { parseTime } from '../time.js'
import { cidr, isIpv4, isIpv6 } from '../validation/names.js'

const hex = (count: number) => new RegExp(`^[0-9a-fA-F]{${count}}$`)
const uuidOf = (version: string) =>
  new RegExp(
    `^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?${version}[0-9a-fA-F]{3}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$`,
  )

function matching(pattern: RegExp): (text: string) => boolean {
  return text => pattern.test(text)
}

function isHostname(text: string): boolean {
  if (text === '' || text.length > 255) return false
  return text.split('.').every(part => /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/.test(part))
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && parseTime(`${text}T00:00:00Z`) !== null
}

function isUri(text: string): boolean {
  return text.length <= 8_192 && /^[a-zA-Z][-+.a-zA-Z0-9]*:[^\s]*$|^\/[^\s]*$/.test(text)
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@')
  return (
    at > 0 && at <= 64 && /^[^\s@<>]+$/.test(text.slice(0, at)) && isHostname(text.slice(at + 1))
  )
}

const unitNs = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3_600e9],
  ['d', 86_400e9],
  ['w', 604_800e9],
])

/** In nanoseconds, of a text such as `1h30m`; null when it is none. */
export function durationNs(text: string): number | null {
  if (text.length > 128) return null
  const unsigned = text.replace(/^[-+]/, '')
  if (unsigned === '0') return 0
  let total = 0
  let rest = unsigned
  if (rest === '') return null
  while (rest !== '') {
    const part = /^(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|m|h|d|w)\s*/.exec(rest)
    if (part === null) return null
    total += Number(part[1]) * (unitNs.get(part[2] ?? '') ?? 0)
    rest = rest.slice(part[0].length)
  }
  return text.startsWith('-') ? -total : total
}

const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

const checks: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['bsonobjectid', matching(hex(24))],
  ['uri', isUri],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', isIpv4],
  ['ipv6', isIpv6],
  ['cidr', text => cidr(text).length === 0],
  ['mac', matching(/^(?:[0-9a-fA-F]{2}[:-]){5}(?:[0-9a-fA-F]{2}[:-]){0,2}[0-9a-fA-F]{2}$/)],
  ['uuid', matching(uuidOf('[0-9a-fA-F]'))],
  ['uuid3', matching(uuidOf('3'))],
  ['uuid4', matching(uuidOf('4'))],
  ['uuid5', matching(uuidOf('5'))],
  ['hexcolor', matching(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['byte', isBase64],
  ['date', isDate],
  ['date-time', text => parseTime(text) !== null],
  ['datetime', text => parseTime(text) !== null],
  ['duration', text => durationNs(text) !== null],
  ['k8s-short-name', matching(dnsLabel)],
  ['k8s-long-name', text => text.length <= 253 && text.split('.').every(p => dnsLabel.test(p))],
])

export function hasFormat(format: string, text: string): boolean {
  return checks.get(format)?.(text) ?? true
}
