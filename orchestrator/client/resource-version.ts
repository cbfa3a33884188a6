// Order of resourceVersions. They are opaque to users, but ours are decimal revisions of one
// store, and clients may compare them (KEP-5504 makes that a promise of the API).

/** True when `a` is later than `b`. '' is earlier than everything. */
export function isNewerVersion(a: string, b: string): boolean {
  if (a.length !== b.length) return a.length > b.length
  return a > b
}
