// Child processes of Linux. A process is known by pid and start time, read from /proc, so that a
// recycled pid is never signalled. Leaves out other systems: without /proc nothing is identified.

import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { StdioOptions } from 'node:child_process'
import { must } from '../errors.js'
import type { ProcessIdentity, Processes, ProcessSpec } from '../processes.js'

export function nodeProcesses(): Processes {
  return {
    self: () => must(identify(process.pid), 'this process is in /proc'),
    spawn: spawnChild,
    identify,
    signal(identity, signal) {
      return isAlive(identity) && sent(identity.pid, signal)
    },
    signalGroup(identity, signal) {
      return isAlive(identity) && sent(-identity.pid, signal)
    },
  }
}

const spawnChild: Processes['spawn'] = (spec, onExit, onError) => {
  const opened: number[] = []
  const output = (target: ProcessSpec['stdout']): number | 'ignore' | 'pipe' => {
    if (typeof target !== 'object') return target
    const fd = openSync(target.appendTo, 'a', 0o600)
    opened.push(fd)
    return fd
  }
  try {
    const stdio: StdioOptions = [
      spec.stdin === 'ignore' ? 'ignore' : 'pipe',
      output(spec.stdout),
      output(spec.stderr),
    ]
    const child = spawn(spec.command, spec.args, {
      env: { ...spec.env },
      cwd: spec.directory,
      detached: spec.detached,
      stdio,
    })
    // A child that died leaves a broken pipe behind; its exit says all there is to say.
    child.stdin?.on('error', () => {})
    const pid = child.pid
    if (pid === undefined) {
      child.once('error', onError)
      return null
    }
    child.on('error', () => {})
    child.once('exit', (code, signal) => onExit({ code, signal }))
    return {
      pid,
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      kill(signal) {
        child.kill(signal)
      },
    }
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    setImmediate(onError, cause)
    return null
  } finally {
    // The child has its own copies.
    for (const fd of opened) closeSync(fd)
  }
}

function identify(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid < 1) return null
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // The command name is in brackets and may hold anything, brackets and blanks too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTicks = Number(fields[19])
  if (state === undefined || state === 'Z' || state === 'X') return null
  return Number.isSafeInteger(startTicks) ? { pid, startTicks } : null
}

function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks
}

function sent(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
