// Starts the supervisor in a session of its own and stays until it is ready or has failed.

import { spawn } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { UserError } from '../user-error.js'
import type { Layout } from './layout.js'
import { type Progress, shortPath } from './progress.js'

const isProgress = (message: unknown): message is Progress =>
  typeof message === 'object' && message !== null && 'kind' in message

export function startDetached(
  layout: Layout,
  args: readonly string[],
  report: (progress: Progress) => void,
): Promise<void> {
  const logFile = layout.logFile('supervisor')
  const log = openSync(logFile, 'a', 0o600)
  const program = process.argv[1]
  if (program === undefined) throw new UserError('The path of the program is not known.')
  const child = spawn(process.execPath, [program, ...args, '--background'], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  return new Promise((resolve, reject) => {
    const interrupted = (): void => {
      child.kill('SIGTERM')
    }
    process.once('SIGINT', interrupted)
    child.on('message', message => {
      if (!isProgress(message)) return
      if (message.kind === 'failed') {
        reject(new UserError(message.message))
        return
      }
      report(message)
      if (message.kind !== 'ready') return
      process.off('SIGINT', interrupted)
      child.disconnect()
      child.unref()
      resolve()
    })
    child.once('error', error =>
      reject(new UserError(`The supervisor cannot be started: ${error.message}`)),
    )
    child.once('exit', code => {
      reject(
        new UserError(
          `The cluster did not start (exit code ${code ?? 'none'}); see ${shortPath(logFile)}.`,
        ),
      )
    })
  })
}
