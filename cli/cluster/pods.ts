// Pods of a node process that is gone, ended by the notes that it left.

import { reapPods } from '../../orchestrator/kubelet/runtimes/process/reap.js'
import type { Clock } from '../../platform/clock.js'
import { nodeFiles } from '../../platform/node/node-files.js'
import type { Processes } from '../../platform/processes.js'
import { type Layout } from './layout.js'

/** With a grace of 0 they end as on a machine that loses its power. */
export function reapPodsOf(
  layout: Layout,
  node: string,
  processes: Processes,
  clock: Clock,
  graceMs = 0,
): Promise<number> {
  return reapPods({
    dataDirectory: layout.nodeDirectory(node),
    files: nodeFiles,
    processes,
    clock,
    graceMs,
  })
}
