// Pods of a node process that is gone, ended by the notes that it left.

import { existsSync, readdirSync } from 'node:fs'
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

/** How long pods may take that outlived their node process and its supervisor. */
const leftoverGraceMs = 5_000

/** Pods of every node of the cluster; returns how many containers still lived. */
export async function reapAllPods(
  layout: Layout,
  processes: Processes,
  clock: Clock,
): Promise<number> {
  if (!existsSync(layout.nodes)) return 0
  const counts = await Promise.all(
    readdirSync(layout.nodes).map(node =>
      reapPodsOf(layout, node, processes, clock, leftoverGraceMs),
    ),
  )
  return counts.reduce((total, count) => total + count, 0)
}
