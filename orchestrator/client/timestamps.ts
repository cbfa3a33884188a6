// Instants as the API spells them: RFC 3339 in UTC, in whole seconds (Time) or microseconds
// (MicroTime). Counterpart: apimachinery's metav1.Time and MicroTime.

/** "2026-11-23T17:52:28Z". */
export function formatTime(wallMs: number): string {
  return `${new Date(Math.floor(wallMs / 1000) * 1000).toISOString().slice(0, 19)}Z`
}

/** "2026-11-23T17:52:28.123000Z". */
export function formatMicroTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`
}

/** Milliseconds since the Unix epoch; null for what is missing or no instant. */
export function parseTimeMs(text: string | undefined | null): number | null {
  if (text === undefined || text === null) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}
