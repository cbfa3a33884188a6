// Where the pods of a CRI runtime have their things on the machine. Pure. Uids and names come from an API server and from
// labels; what they become is one segment of a path each.

import { join } from 'node:path'
import { RuntimeError } from '../../runtime.js'
import { logPath } from './container-config.js'
import { previousPath } from './cri-log.js'

function segment(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)) {
    throw new RuntimeError('container-not-created', `"${text}" cannot name a directory`)
  }
  return text
}

export const podDirectory = (dataDirectory: string, podUid: string): string =>
  join(dataDirectory, 'pods', segment(podUid))

export interface RunPaths {
  readonly directory: string
  /** /etc/hosts of the pod. */
  readonly hosts: string
  readonly termination: string
  readonly log: string
  readonly previousLog: string
}

export function runPaths(podPath: string, name: string, attempt: number): RunPaths {
  const directory = join(podPath, 'containers', segment(name), String(attempt))
  const log = join(podPath, 'logs', logPath(segment(name), attempt))
  return {
    directory,
    hosts: join(podPath, 'etc-hosts'),
    termination: join(directory, 'termination-log'),
    log,
    previousLog: previousPath(log),
  }
}
