// Time zones by their names in the IANA database, as the platform knows it: how far their clocks are
// ahead of UTC at an instant. Counterpart: time.LoadLocation of Go, to which zones are files, so that
// names have a case and an offset is no name.

export interface TimeZone {
  /** Milliseconds that its clocks are ahead of UTC; `atMs` since the Unix epoch. */
  readonly offsetMs: (atMs: number) => number
}

/** Making one is dear, and a cluster uses few; past this number all are made anew. */
const knownMax = 100
const known = new Map<string, TimeZone>()

/** null when there is no zone of that name. */
export function timeZoneOf(name: string): TimeZone | null {
  const already = known.get(name)
  if (already !== undefined) return already
  if (!name.split('/').every(part => /^[A-Z]/.test(part))) return null
  const zone = makeZone(name)
  if (zone === null) return null
  if (known.size >= knownMax) known.clear()
  known.set(name, zone)
  return zone
}

function makeZone(name: string): TimeZone | null {
  const format = formatIn(name)
  if (format === null) return null
  return {
    offsetMs: atMs => {
      const parts = format.formatToParts(atMs)
      return parsedOffsetMs(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '')
    },
  }
}

function formatIn(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
  } catch {
    return null
  }
}

/** Of "GMT", "GMT+05:30" and, long ago, "GMT-00:01:15". */
function parsedOffsetMs(text: string): number {
  const match = /([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text)
  if (match === null) return 0
  const [, sign, hours, minutes, seconds = '0'] = match
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -size : size
}
