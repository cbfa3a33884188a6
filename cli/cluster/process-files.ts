// Small JSON files that say which process is what, so that `status`, `down` and the next `up` can
// find processes without asking anybody. A pid alone may have been reused; the start time tells.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ProcessIdentity } from '../../platform/processes.js'

export interface ProcessRecord extends ProcessIdentity {
  readonly name: string
}

export interface SupervisorRecord extends ProcessRecord {
  readonly state: 'starting' | 'ready' | 'stopping'
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return null
  }
}

export function writeRecord(path: string, record: ProcessRecord): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  writeFileSync(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

/** Null when there is none, or none that can be read. */
export function readRecord(path: string): ProcessRecord | null {
  if (!existsSync(path)) return null
  const value = parse(readFileSync(path, 'utf8'))
  if (typeof value !== 'object' || value === null) return null
  if (!('pid' in value) || !('startTicks' in value) || !('name' in value)) return null
  const { pid, startTicks, name } = value
  if (typeof pid !== 'number' || typeof startTicks !== 'number') return null
  return { pid, startTicks, name: String(name) }
}

/** As `readRecord`, for the supervisor's own file. */
export function readSupervisor(path: string): SupervisorRecord | null {
  const record = readRecord(path)
  if (record === null) return null
  const value = parse(readFileSync(path, 'utf8'))
  const state = typeof value === 'object' && value !== null && 'state' in value ? value.state : null
  return { ...record, state: state === 'ready' || state === 'stopping' ? state : 'starting' }
}

export function removeRecord(path: string): void {
  rmSync(path, { force: true })
}

/** Every record of a component in the folder. */
export function componentRecords(
  folder: string,
): readonly { path: string; record: ProcessRecord }[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => name.endsWith('.json') && name !== 'supervisor.json')
    .flatMap(name => {
      const path = join(folder, name)
      const record = readRecord(path)
      return record === null ? [] : [{ path, record }]
    })
}
