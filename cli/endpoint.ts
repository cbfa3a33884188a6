// `raftsman endpoint …`: every member asked for itself. Options and output as in etcdctl.

import type { Command } from 'commander'
import type { MemberLink } from '../store/client/member-link.js'
import { headerJson, hex, show, size } from './output.js'
import { linkTo, storeFlags, type StoreFlags, targetOf } from './store-access.js'
import { withStore } from './store-command.js'
import { UserError } from './user-error.js'

type EndpointFlags = StoreFlags & { readonly cluster?: boolean }

export function define(command: Command): void {
  command.enablePositionalOptions()
  const define = (name: string, description: string) =>
    storeFlags(command.command(name).description(description)).option(
      '--cluster',
      'all members of the cluster, not only those that are named',
    )
  define('status', 'version, size, role and how far its log is').action(status)
  define('health', 'whether each of them can serve').action(health)
  define('hashkv', 'a hash over everything it holds')
    .option('--rev <revision>', 'as of a revision; the newest of each when absent', Number, 0)
    .action(hashKv)
}

interface Asked<T> {
  readonly endpoint: string
  readonly took: number
  readonly value: T | null
  readonly error: string
}

async function ofEach<T>(
  flags: EndpointFlags,
  ask: (link: MemberLink) => Promise<T>,
): Promise<readonly Asked<T>[]> {
  const target = await targetOf(flags)
  let { endpoints } = target
  if (flags.cluster === true) {
    await withStore(flags, async store => {
      const members = await store.memberList({ linearizable: false })
      endpoints = members.flatMap(({ clientAddresses }) => clientAddresses)
    })
  }
  return Promise.all(
    endpoints.map(async (endpoint): Promise<Asked<T>> => {
      const link = linkTo(endpoint, target, flags)
      const startedMs = performance.now()
      try {
        const value = await ask(link)
        return { endpoint, took: performance.now() - startedMs, value, error: '' }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        return { endpoint, took: performance.now() - startedMs, value: null, error: reason }
      } finally {
        link.close()
      }
    }),
  )
}

/** The command fails when one of them did. */
function complain(asked: readonly Asked<unknown>[]): void {
  const failed = asked.filter(({ error }) => error !== '')
  if (failed.length > 0)
    throw new UserError(failed.map(({ endpoint, error }) => `${endpoint}: ${error}`).join('\n'))
}

async function status(flags: EndpointFlags): Promise<void> {
  const asked = await ofEach(
    flags,
    async link => (await link.ask<'status'>({ kind: 'status' })).response,
  )
  const good = asked.flatMap(({ endpoint, value }) => (value === null ? [] : [{ endpoint, value }]))
  const rows = () =>
    good.map(({ endpoint, value }) => [
      endpoint,
      hex(value.header.memberId),
      value.version,
      value.clusterVersion,
      size(value.dbFileBytes),
      size(value.dbSizeBytes),
      size(value.usedBytes),
      value.quotaBytes === 0 ? 'none' : size(value.quotaBytes),
      String(value.role === 'leader'),
      String(value.learner),
      String(value.raftTerm),
      String(value.commitIndex),
      String(value.appliedIndex),
      value.errors.join('; '),
    ])
  show(flags, {
    json: () =>
      good.map(({ endpoint, value }) => ({
        Endpoint: endpoint,
        Status: {
          header: headerJson(value.header),
          version: value.version,
          clusterVersion: value.clusterVersion,
          dbSize: value.dbFileBytes,
          dbSizeInUse: value.dbSizeBytes,
          dbSizeQuota: value.quotaBytes,
          used: value.usedBytes,
          leader: value.leader,
          raftIndex: value.commitIndex,
          raftTerm: value.raftTerm,
          raftAppliedIndex: value.appliedIndex,
          isLearner: value.learner,
          errors: value.errors,
        },
      })),
    simple: () => rows().map(row => row.join(', ')),
    head: [
      'ENDPOINT',
      'ID',
      'VERSION',
      'CLUSTER VERSION',
      'DB SIZE',
      'IN USE',
      'USED',
      'QUOTA',
      'IS LEADER',
      'IS LEARNER',
      'RAFT TERM',
      'RAFT INDEX',
      'RAFT APPLIED INDEX',
      'ERRORS',
    ],
    rows,
  })
  complain(asked)
}

async function health(flags: EndpointFlags): Promise<void> {
  const key = new TextEncoder().encode('health')
  const asked = await ofEach(flags, link => link.ask<'range'>({ kind: 'range', request: { key } }))
  const ms = (took: number): string => `${took.toFixed(6)}ms`
  show(flags, {
    json: () =>
      asked.map(({ endpoint, took, error }) => ({
        endpoint,
        health: error === '',
        took: ms(took),
        ...(error === '' ? {} : { error }),
      })),
    simple: () =>
      asked
        .filter(({ error }) => error === '')
        .map(
          ({ endpoint, took }) =>
            `${endpoint} is healthy: successfully committed proposal: took = ${ms(took)}`,
        ),
    head: ['ENDPOINT', 'HEALTH', 'TOOK', 'ERROR'],
    rows: () =>
      asked.map(({ endpoint, took, error }) => [endpoint, String(error === ''), ms(took), error]),
  })
  complain(asked)
}

async function hashKv(flags: EndpointFlags & { readonly rev: number }): Promise<void> {
  const asked = await ofEach(
    flags,
    async link => (await link.ask<'hashKv'>({ kind: 'hashKv', revision: flags.rev })).response,
  )
  const good = asked.flatMap(({ endpoint, value }) => (value === null ? [] : [{ endpoint, value }]))
  show(flags, {
    json: () =>
      good.map(({ endpoint, value }) => ({
        Endpoint: endpoint,
        HashKV: {
          header: headerJson(value.header),
          hash: value.hash,
          hash_revision: value.revision,
          compact_revision: value.compactRevision,
        },
      })),
    simple: () => good.map(({ endpoint, value }) => `${endpoint}, ${value.hash}`),
    head: ['ENDPOINT', 'HASH', 'HASH REVISION'],
    rows: () => good.map(({ endpoint, value }) => [endpoint, value.hash, String(value.revision)]),
  })
  complain(asked)
}
