// A snapshot as the beginning of a new cluster: state and log of one of its members are written into an
// empty directory. Every member restores the same file with the same list; the cluster's id follows
// from both, so that none of them meets the old cluster, or one that was restored from another file.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeDisk } from '../../platform/node/disk.js'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { nodeRandom } from '../../platform/node/random.js'
import { nodeId } from '../../raft/core/types.js'
import { foundedAt, foundLog } from '../../raft/index.js'
import { SqliteBackend } from '../../store/backend/sqlite.js'
import { writeIdentity } from '../../store/server/identity.js'
import type { StoreMember } from '../../store/server/options.js'
import { UserError } from '../user-error.js'
import { readSnapshotFile } from './file.js'

export interface RestoreOptions {
  readonly file: string
  readonly dataDir: string
  readonly name: string
  readonly members: readonly StoreMember[]
  readonly token: string
  readonly skipHashCheck: boolean
  /** Added to the newest revision, so that no revision of the old cluster comes again. */
  readonly bumpRevision: number
  /** Everything before the newest revision counts as compacted: whoever watches lists anew. */
  readonly markCompacted: boolean
}

/** Who is a member, which alarms are raised and which requests were answered: of the old cluster. */
const leftBehind = ['member/', 'alarm/', 'client/']

export async function restoreSnapshot(options: RestoreOptions): Promise<{ revision: number }> {
  const { dataDir, members, name } = options
  const self = members.find(member => member.name === name)
  if (self === undefined) throw new UserError(`--initial-cluster does not name ${name}.`)
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0)
    throw new UserError(`${dataDir} is not empty; restore into a directory of its own.`)
  const partial = `${dataDir}.part`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true, mode: 0o700 })
  try {
    const { revision, sha256 } = writeState(options, `${partial}/state.db`)
    const clusterId = clusterIdOf(members, sha256, options.token)
    await writeLog(`${partial}/log`, clusterId, self.id, members)
    const identity = { clusterId, id: self.id, name, joined: false, members }
    await new Promise<void>((resolve, reject) => {
      writeIdentity(nodeDisk(), partial, identity, error =>
        error === null ? resolve() : reject(error),
      )
    })
    rmSync(dataDir, { recursive: true, force: true })
    renameSync(partial, dataDir)
    return { revision }
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error
  }
}

function writeState(
  { file, skipHashCheck, bumpRevision, markCompacted }: RestoreOptions,
  path: string,
): { revision: number; sha256: string } {
  const backend = new SqliteBackend({ path })
  try {
    const restore = backend.beginRestore()
    const { meta, sha256 } = readSnapshotFile(
      file,
      {
        onMeta() {},
        onLeases: leases => restore.write({ leases }),
        onRecords: records =>
          restore.write({
            records: records.filter(
              record => !leftBehind.some(family => record.name.startsWith(family)),
            ),
          }),
        onRows: rows => restore.write({ rows }),
      },
      !skipHashCheck,
    )
    const revision = meta.revision + bumpRevision
    restore.commit({
      ...meta,
      appliedIndex: foundedAt.index,
      appliedTerm: foundedAt.term,
      revision,
      compactRevision: markCompacted ? revision : meta.compactRevision,
    })
    return { revision, sha256 }
  } finally {
    backend.close()
  }
}

/** 1..2^53-1, the same for all who restore the same file for the same members. */
function clusterIdOf(members: readonly StoreMember[], sha256: string, token: string): number {
  const lines = members.map(({ id, name }) => `${id} ${name}`).sort()
  const digest = createHash('sha256')
    .update(`raftsman restored\n${lines.join('\n')}\n${sha256}\n${token}`)
    .digest()
  return digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >> 3) || 1
}

function writeLog(
  directory: string,
  clusterId: number,
  id: number,
  members: readonly StoreMember[],
): Promise<void> {
  const platform = {
    disk: nodeDisk(),
    clock: nodeClock(),
    random: nodeRandom(),
    processes: nodeProcesses(),
    logger: silentLogger,
    metrics: nodeMetrics(),
  }
  const options = { directory, clusterId, nodeId: nodeId(id), ...platform }
  const voters = members.map(member => nodeId(member.id))
  return new Promise((resolve, reject) => {
    foundLog(options, voters, error => (error === null ? resolve() : reject(error)))
  })
}
