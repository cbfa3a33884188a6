// What a namespace's labels ask of its pods, and what a pod breaks of it.
// Counterpart: the api and the registry of k8s.io/pod-security-admission.

import type { FieldError } from '../kind.js'
import type { ObjectMeta } from '../object.js'
import { own } from '../record.js'
import type { PodSpec } from '../types/core-pod.js'
import { invalidValue } from '../validation/field-errors.js'
import { baselineChecks } from './baseline.js'
import type { Check, Rule, Violation } from './check.js'
import { restrictedChecks } from './restricted.js'

export type Level = 'privileged' | 'baseline' | 'restricted'

const levels: readonly Level[] = ['privileged', 'baseline', 'restricted']

/** `minor` null is the latest. */
export interface LevelVersion {
  readonly level: Level
  readonly minor: number | null
}

export type Mode = 'enforce' | 'audit' | 'warn'

export type PodSecurityPolicy = Readonly<Record<Mode, LevelVersion>>

const labelPrefix = 'pod-security.kubernetes.io/'
const modes: readonly Mode[] = ['enforce', 'audit', 'warn']
const versionExpression = /^v1\.(0|[1-9][0-9]{0,5})$/

export function levelVersionText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === null ? 'latest' : `v1.${minor}`}`
}

/** -1, 0 or 1: `a` is laxer, as strict, stricter. */
export function compareLevels(a: Level, b: Level): number {
  return Math.sign(levels.indexOf(a) - levels.indexOf(b))
}

export function samePolicy(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.minor === b.minor
}

/** Always a policy: one whose labels cannot be read enforces all, and says nothing of the rest. */
export function policyOf(labels: ObjectMeta['labels']): {
  readonly policy: PodSecurityPolicy
  readonly errors: readonly FieldError[]
} {
  const errors: FieldError[] = []
  const wrong = (label: string, value: string, text: string) => {
    errors.push(invalidValue(`metadata.labels[${label}]`, value, text))
  }
  const levelVersion = (mode: Mode): LevelVersion => {
    const levelLabel = `${labelPrefix}${mode}`
    const levelText = own(labels ?? {}, levelLabel)
    let level = levelText === undefined ? 'privileged' : levels.find(l => l === levelText)
    if (level === undefined) {
      wrong(levelLabel, levelText ?? '', `must be one of ${levels.join(', ')}`)
      level = mode === 'enforce' ? 'restricted' : 'privileged'
    }
    const versionLabel = `${levelLabel}-version`
    const versionText = own(labels ?? {}, versionLabel) ?? 'latest'
    const minor = versionExpression.exec(versionText)?.[1]
    if (minor === undefined && versionText !== 'latest') {
      wrong(versionLabel, versionText, 'must be "latest" or "v1.x"')
    }
    return { level, minor: minor === undefined ? null : Number(minor) }
  }
  const [enforce, audit, warn] = modes.map(levelVersion) as [
    LevelVersion,
    LevelVersion,
    LevelVersion,
  ]
  return { policy: { enforce, audit, warn }, errors }
}

function ruleOf({ rules }: Check, minor: number | null): Rule | null {
  const known = rules.filter(([since]) => minor === null || since <= minor)
  return known.at(-1)?.[1] ?? null
}

export function violationsOf(
  { level, minor }: LevelVersion,
  spec: PodSpec,
  metadata: ObjectMeta,
): readonly Violation[] {
  if (level === 'privileged') return []
  const holding = (checks: readonly Check[]) =>
    checks.filter(check => ruleOf(check, minor) !== null)
  const restricted = level === 'restricted' ? holding(restrictedChecks) : []
  const overridden = new Set(restricted.flatMap(check => check.overrides ?? []))
  const checks = [
    ...holding(baselineChecks).filter(check => !overridden.has(check.id)),
    ...restricted,
  ]
  return checks.flatMap(check => ruleOf(check, minor)?.(spec, metadata) ?? [])
}

/** `reason (detail), reason (detail)`. */
export function violationsText(violations: readonly Violation[]): string {
  return violations
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ')
}
