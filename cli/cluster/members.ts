// The parts of a running cluster by name, for the commands that act on one of them.

import { existsSync, readFileSync } from 'node:fs'
import type { ProcessIdentity, Processes } from '../../platform/processes.js'
import { UserError } from '../user-error.js'
import { type ClusterPlan, type Layout, planCluster } from './layout.js'
import { settleOptions } from './preflight.js'
import { componentRecords, readSupervisor, type ProcessRecord } from './process-files.js'
import { shortPath } from './progress.js'
import { isAlive } from './sweep.js'

/** The plan of the cluster in this data directory, as it was last started. */
export function rememberedPlan(layout: Layout): ClusterPlan {
  if (!existsSync(layout.clusterFile)) {
    throw new UserError(
      `There is no cluster in ${shortPath(layout.directory)}; \`raftsman up\` makes one.`,
    )
  }
  const storeTls = !/"storeTls": false/.test(readFileSync(layout.clusterFile, 'utf8'))
  return planCluster(
    settleOptions(layout, {
      masters: undefined,
      nodes: undefined,
      portOffset: undefined,
      storeTls,
      historyMs: undefined,
    }),
  )
}

export function runningSupervisor(layout: Layout, processes: Processes): ProcessIdentity {
  const record = readSupervisor(layout.supervisorFile)
  if (record === null || !isAlive(processes, record)) {
    throw new UserError(
      `No cluster is running from ${shortPath(layout.directory)}; \`raftsman up\` starts it.`,
    )
  }
  return record
}

/** Rejects a name that the cluster does not have. */
export function checkMember(layout: Layout, name: string): void {
  const plan = rememberedPlan(layout)
  const names = [...plan.masters, ...plan.nodes].map(member => member.name)
  if (!names.includes(name)) {
    throw new UserError(`There is no "${name}" in this cluster; there are ${names.join(', ')}.`)
  }
}

/** The processes of one master or node that live now. */
export function processesOf(
  layout: Layout,
  name: string,
  processes: Processes,
): readonly ProcessRecord[] {
  checkMember(layout, name)
  return componentRecords(layout.run)
    .map(({ record }) => record)
    .filter(record => record.name === name || record.name.startsWith(`${name}/`))
    .filter(record => isAlive(processes, record))
}
