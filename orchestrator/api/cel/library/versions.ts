// Semantic versions: semver("1.2.3").isLessThan(semver("1.10.0")).
// Counterpart: k8s.io/apiserver/pkg/cel/library semverlib, over blang/semver.

import type { Environment } from '@marcbachmann/cel-js'

class VersionValue {
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint]
  readonly preRelease: readonly string[]

  constructor(numbers: VersionValue['numbers'], preRelease: readonly string[]) {
    this.numbers = numbers
    this.preRelease = preRelease
  }
}

const number = '(0|[1-9]\\d{0,17})'
const identifiers = '[0-9A-Za-z-]{1,128}(?:\\.[0-9A-Za-z-]{1,128}){0,32}'
const pattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${identifiers}))?(?:\\+${identifiers})?$`,
)

function parsed(text: string, normalize: boolean): VersionValue | null {
  const match = pattern.exec(normalize ? normalized(text) : text)
  if (match === null) return null
  const [, major = '', minor = '', patch = '', pre] = match
  const preRelease = pre === undefined ? [] : pre.split('.')
  if (preRelease.some(part => /^0\d+$/.test(part))) return null
  return new VersionValue([BigInt(major), BigInt(minor), BigInt(patch)], preRelease)
}

/** Without a leading v and leading zeros, and with the numbers that were left out. */
function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([\d.]{0,64})(.*)$/s.exec(text) ?? []
  const parts = numbers.split('.').map(part => part.replace(/^0+(?=\d)/, ''))
  while (parts.length < 3) parts.push('0')
  return `${parts.join('.')}${rest}`
}

function versionOf(text: string, normalize: boolean): VersionValue {
  const version = parsed(text, normalize)
  if (version === null) throw new Error('No Major.Minor.Patch elements found')
  return version
}

function compared(a: VersionValue, b: VersionValue): bigint {
  for (const [at, one] of a.numbers.entries()) {
    const other = b.numbers[at] ?? 0n
    if (one !== other) return one < other ? -1n : 1n
  }
  return comparedReleases(a.preRelease, b.preRelease)
}

function comparedReleases(a: readonly string[], b: readonly string[]): bigint {
  if (a.length === 0 || b.length === 0) {
    if (a.length === b.length) return 0n
    return a.length === 0 ? 1n : -1n
  }
  for (const [at, one] of a.entries()) {
    const other = b[at]
    if (other === undefined) return 1n
    if (one === other) continue
    const numeric = [one, other].map(part => /^\d+$/.test(part))
    if (numeric[0] === true && numeric[1] === true) return BigInt(one) < BigInt(other) ? -1n : 1n
    if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1n : 1n
    return one < other ? -1n : 1n
  }
  return a.length === b.length ? 0n : -1n
}

export function withVersions(environment: Environment): Environment {
  const type = 'kubernetes.Semver'
  return environment
    .registerType(type, { ctor: VersionValue })
    .registerFunction(`semver(string): ${type}`, (text: string) => versionOf(text, false))
    .registerFunction(`semver(string, bool): ${type}`, versionOf)
    .registerFunction('isSemver(string): bool', (text: string) => parsed(text, false) !== null)
    .registerFunction(
      'isSemver(string, bool): bool',
      (text: string, normalize: boolean) => parsed(text, normalize) !== null,
    )
    .registerFunction(`${type}.major(): int`, ({ numbers }: VersionValue) => numbers[0])
    .registerFunction(`${type}.minor(): int`, ({ numbers }: VersionValue) => numbers[1])
    .registerFunction(`${type}.patch(): int`, ({ numbers }: VersionValue) => numbers[2])
    .registerFunction(`${type}.compareTo(${type}): int`, compared)
    .registerFunction(
      `${type}.isLessThan(${type}): bool`,
      (a: VersionValue, b: VersionValue) => compared(a, b) < 0n,
    )
    .registerFunction(
      `${type}.isGreaterThan(${type}): bool`,
      (a: VersionValue, b: VersionValue) => compared(a, b) > 0n,
    )
    .registerOperator(
      `${type} == ${type}`,
      (a: VersionValue, b: VersionValue) => compared(a, b) === 0n,
    )
}
