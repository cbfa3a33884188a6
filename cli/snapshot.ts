// `raftsman snapshot …`: the state of a member into a file, what is in a file, and a file as the
// beginning of a new cluster. Options as in etcdctl and etcdutl; the file is of our own format.

import type { Command } from 'commander'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseMembers } from './components/store-founding.js'
import { hex, print, show, size } from './output.js'
import { fetchSnapshot } from './snapshot/fetch.js'
import { readSnapshotFile } from './snapshot/file.js'
import { restoreSnapshot } from './snapshot/restore.js'
import { linkTo, storeFlags, type StoreFlags, targetOf } from './store-access.js'
import { UserError } from './user-error.js'

export function define(command: Command): void {
  command.enablePositionalOptions()
  storeFlags(command.command('save').description('the state of one member, while it works'))
    .argument('<file>')
    .action(save)
  storeFlags(command.command('status').description('what a snapshot holds, and that it is whole'))
    .argument('<file>')
    .action(status)
  command
    .command('restore')
    .description('a directory of a new cluster, from a snapshot; once for each member')
    .argument('<file>')
    .requiredOption('--data-dir <folder>', 'of the member; must not hold anything')
    .requiredOption('--name <name>', 'of the member')
    .requiredOption(
      '--initial-cluster <members>',
      'every member of the new cluster as name=peer/client, with commas between',
    )
    .option('--initial-cluster-token <text>', 'tells clusters apart that were restored alike', '')
    .option('--skip-hash-check', 'take a file without its SHA-256')
    .option('--bump-revision <n>', 'go on from a revision that is so much higher', Number, 0)
    .option('--mark-compacted', 'everything before counts as compacted; goes with --bump-revision')
    .action(restore)
}

async function save(path: string, flags: StoreFlags): Promise<void> {
  const target = await targetOf(flags)
  const [endpoint] = target.endpoints
  if (endpoint === undefined) throw new UserError('--endpoints names no member.')
  if (flags.endpoints !== undefined && target.endpoints.length > 1)
    throw new UserError('A snapshot is of one member: name one in --endpoints.')
  const partial = `${path}.part`
  const file = openSync(partial, 'w', 0o600)
  try {
    await fetchSnapshot(file, () => linkTo(endpoint, target, flags))
    fsyncSync(file)
    readSnapshotFile(partial, nothing)
    renameSync(partial, path)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  print([`Snapshot saved at ${path}`])
}

const nothing = { onMeta() {}, onLeases() {}, onRecords() {}, onRows() {} }

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  fsyncSync(directory)
  closeSync(directory)
}

function status(path: string, flags: StoreFlags): void {
  let keys = 0
  const { meta, sha256 } = readSnapshotFile(path, {
    ...nothing,
    onRows: rows => {
      keys += rows.length
    },
  })
  const hash = Number.parseInt(sha256.slice(0, 8), 16)
  const bytes = statSync(path).size
  const row = [hex(hash), String(meta.revision), String(keys), size(bytes)]
  show(flags, {
    json: () => ({ hash, revision: meta.revision, totalKey: keys, totalSize: bytes }),
    simple: () => [row.join(', ')],
    head: ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE'],
    rows: () => [row],
  })
}

interface RestoreFlags {
  readonly dataDir: string
  readonly name: string
  readonly initialCluster: string
  readonly initialClusterToken: string
  readonly skipHashCheck?: boolean
  readonly bumpRevision: number
  readonly markCompacted?: boolean
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const { bumpRevision, markCompacted = false } = flags
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0)
    throw new UserError('--bump-revision takes a whole number.')
  if (bumpRevision > 0 !== markCompacted)
    throw new UserError('--bump-revision and --mark-compacted go together.')
  const { revision } = await restoreSnapshot({
    file,
    dataDir: flags.dataDir,
    name: flags.name,
    members: parseMembers(flags.initialCluster),
    token: flags.initialClusterToken,
    skipHashCheck: flags.skipHashCheck === true,
    bumpRevision,
    markCompacted,
  })
  print([
    `Restored ${file} at revision ${revision} into ${flags.dataDir}`,
    '',
    `raftsman store --name ${flags.name} --data-dir ${flags.dataDir} --initial-cluster ${flags.initialCluster}`,
  ])
}
