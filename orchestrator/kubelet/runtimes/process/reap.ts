// Ends the pods of a node process that is dead or stopped, by the notes they left: for `down`, and
// to play the death of a whole machine. Signals only what those notes identify.

import { join } from 'node:path'
import type { Clock } from '../../../../platform/clock.js'
import type { Files } from '../../../../platform/files.js'
import type { ProcessIdentity, Processes } from '../../../../platform/processes.js'
import { readText } from './container-state.js'
import { ioFiles, parseStarted } from './supervisor.js'

export interface ReapOptions {
  /** Of the node, as it was given to startNode. */
  readonly dataDirectory: string
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  /** Between SIGTERM and SIGKILL; with 0 there is no SIGTERM, as when a machine dies. */
  readonly graceMs: number
}

const pollMs = 20
const killMsMax = 5000

/** Resolves with the number of containers that were ended. The node process must not run. */
export async function reapPods(options: ReapOptions): Promise<number> {
  const { processes, graceMs } = options
  const found = await livingContainers(options)
  const mains = found.map(({ main }) => main)
  if (graceMs > 0) {
    for (const main of mains) processes.signal(main, 'SIGTERM')
    await untilGone(options, mains, graceMs)
  }
  for (const main of mains) processes.signalGroup(main, 'SIGKILL')
  // A supervisor notes the exit and then ends by itself.
  const all = found.flatMap(({ main, supervisor }) => [main, supervisor])
  await untilGone(options, all, killMsMax)
  return found.length
}

interface LivingContainer {
  readonly main: ProcessIdentity
  readonly supervisor: ProcessIdentity
}

async function livingContainers({
  dataDirectory,
  files,
  processes,
}: ReapOptions): Promise<readonly LivingContainer[]> {
  const found: LivingContainer[] = []
  const pods = join(dataDirectory, 'pods')
  for (const podUid of await files.list(pods)) {
    const containers = join(pods, podUid, 'containers')
    for (const name of await files.list(containers)) {
      for (const attempt of await files.list(join(containers, name))) {
        const path = join(containers, name, attempt, 'io', ioFiles.started)
        const text = await readText(files, path)
        const note = text === null ? null : parseStarted(text)
        if (note === null) continue
        const main = { pid: note.pid, startTicks: note.startTicks }
        if (processes.identify(main.pid)?.startTicks !== main.startTicks) continue
        const { supervisorPid: pid, supervisorStartTicks: startTicks } = note
        found.push({ main, supervisor: { pid, startTicks } })
      }
    }
  }
  return found
}

async function untilGone(
  { processes, clock }: ReapOptions,
  found: readonly ProcessIdentity[],
  withinMs: number,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + withinMs
  const lives = ({ pid, startTicks }: ProcessIdentity): boolean =>
    processes.identify(pid)?.startTicks === startTicks
  while (found.some(lives) && clock.monotonicMs() < deadlineMs) {
    await new Promise<void>(resolve => {
      clock.setTimer(pollMs, resolve)
    })
  }
}
