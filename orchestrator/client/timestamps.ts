// Instants of the API for those who reckon in milliseconds of wall time since the Unix epoch.

import { microTimeOfMs, msOfTime, timeOfMs } from '../api/time.js'

/** "2026-11-23T17:52:28Z". */
export const formatTime = (wallMs: number): string => timeOfMs(wallMs)

/** "2026-11-23T17:52:28.123000Z". */
export const formatMicroTime = (wallMs: number): string => microTimeOfMs(wallMs)

/** null for what is missing or no instant. */
export function parseTimeMs(text: string | undefined | null): number | null {
  return text === undefined || text === null ? null : msOfTime(text)
}
