// Which version of a group comes first: stable before beta before alpha, newer before older, and what
// is not named so behind all others, by the alphabet. Counterpart: apimachinery's version.CompareKube.

const stages = ['alpha', 'beta', ''] as const

/** Negative when `a` goes before `b`. */
export function byVersionPriority(a: string, b: string): number {
  const left = parsed(a)
  const right = parsed(b)
  if (left === null || right === null) {
    if (left !== null) return -1
    if (right !== null) return 1
    return a < b ? -1 : a > b ? 1 : 0
  }
  for (const [at, number] of left.entries()) {
    const difference = (right[at] ?? 0) - number
    if (difference !== 0) return difference
  }
  return 0
}

function parsed(version: string): readonly number[] | null {
  const match = /^v(\d{1,9})(?:(alpha|beta)(\d{1,9}))?$/.exec(version)
  if (match === null) return null
  const stage = stages.findIndex(one => one === (match[2] ?? ''))
  return [stage, Number(match[1]), Number(match[3] ?? 0)]
}
