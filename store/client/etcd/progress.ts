// Whether the progress that an etcd gives on demand can be relied upon. Before the versions named here
// it may run ahead of events that are still under way (etcd issue 15220); Kubernetes draws the line
// at the same place.

/** The first patch of each line whose progress is in order; lines above are all right. */
const firstReliable: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [3, 4, 31],
  [3, 5, 13],
]

/** `version`: as in "3.5.13"; anything else is not relied upon. */
export function progressIsReliable(version: string): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version)
  if (match === null) return false
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number)
  const line = firstReliable.find(([a, b]) => a === major && b === minor)
  if (line !== undefined) return patch >= line[2]
  return major > 3 || (major === 3 && minor > 5)
}
