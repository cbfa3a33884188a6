// How a remote command ended, as the Status on its error stream. Counterpart: the kubelet's
// remotecommand.ServeExec and what client-go makes of it. Pure.

import type { Status } from '../api/status.js'

const base = { kind: 'Status', apiVersion: 'v1', metadata: {} } as const

export function exitStatus(code: number): Status {
  if (code === 0) return { ...base, status: 'Success' }
  return {
    ...base,
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

/** The command was not run, or not to its end. */
export function brokenStatus(message: string): Status {
  return {
    ...base,
    status: 'Failure',
    message,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  }
}
