// `raftsman diff`: what is different between two moments of the cluster, and who changed it. Asks for all objects at
// either revision, which the store still has. Kubernetes has no counterpart.

import type { Command } from 'commander'
import type { KubeObject } from '../orchestrator/api/object.js'
import { discover } from '../orchestrator/client/discovery.js'
import type { DiscoveredResource } from '../orchestrator/client/discovery.js'
import type { ApiClient } from '../orchestrator/client/rest-client.js'
import { nodeClock } from '../platform/node/clock.js'
import { openApi } from './api-access.js'
import { Layout } from './cluster/layout.js'
import { rememberedPlan } from './cluster/members.js'
import { fieldChanges } from './diff/object-diff.js'
import { ownersOf } from './diff/owners.js'
import { changeLines } from './diff/print.js'
import type { ObjectChange } from './diff/print.js'
import { beginningOf, endOf, objectsAt } from './diff/states.js'
import type { End } from './diff/states.js'
import { print } from './output.js'
import { UserError } from './user-error.js'

interface Flags {
  readonly from: string
  readonly to: string
  readonly namespace?: string
  readonly all?: boolean
  readonly output: string
  readonly dataDir: string
}

/** They change all the time and say so themselves. */
const noise = new Set(['events', 'leases.coordination.k8s.io', 'events.events.k8s.io'])

export function define(command: Command): void {
  command
    .argument('[resource...]', 'as in deployments or deployments.apps; all when absent')
    .requiredOption('--from <moment>', 'revision, time as in 2026-01-31T09:00:00Z, or 10m')
    .option('--to <moment>', 'the same, or "now"', 'now')
    .option('-n, --namespace <name>', 'only in this namespace')
    .option('--all', 'Events and Leases too')
    .option('-o, --output <format>', 'text or json', 'text')
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .addHelpText(
      'after',
      '\nTimes are known to ten seconds; how far back they go: `raftsman up --history`. A length of time that' +
        '\ngoes back further begins where history does, and a line says so.',
    )
    .action(diff)
}

async function diff(words: readonly string[], flags: Flags): Promise<void> {
  if (flags.output !== 'text' && flags.output !== 'json') {
    throw new UserError(`There is no output "${flags.output}": text or json.`)
  }
  const layout = new Layout(flags.dataDir)
  const clock = nodeClock()
  const access = openApi(layout, rememberedPlan(layout), clock)
  const { api } = access
  try {
    const { end: from, notice } = await beginningOf(api, flags.from, clock.wallMs())
    const to = await endOf(api, flags.to, clock.wallMs())
    if (Number(from.resourceVersion) > Number(to.resourceVersion)) {
      throw new UserError(
        `--from is revision ${from.resourceVersion}, which is after revision ${to.resourceVersion} of --to.`,
      )
    }
    if (notice !== null) process.stderr.write(`raftsman: ${notice}\n`)
    const resources = chosen(await discover(api), words, flags)
    const changes: ObjectChange[] = []
    for (const resource of resources) {
      changes.push(...(await changesOf(api, resource, flags.namespace, from, to)))
    }
    if (flags.output === 'json') print([JSON.stringify({ from, to, changes })])
    else print([headline(from, to, changes.length), ...changes.flatMap(changeLines)])
  } finally {
    access.close()
  }
}

const nameOf = ({ group, plural }: DiscoveredResource): string =>
  group === '' ? plural : `${plural}.${group}`

function chosen(
  all: readonly DiscoveredResource[],
  words: readonly string[],
  { all: noisy, namespace }: Flags,
): readonly DiscoveredResource[] {
  const listed = all.filter(({ verbs }) => verbs.includes('list') && verbs.includes('watch'))
  const unknown = words.find(
    word => !listed.some(one => one.plural === word || nameOf(one) === word),
  )
  if (unknown !== undefined) {
    throw new UserError(`The server has no resource "${unknown}" that could be listed.`)
  }
  return listed.filter(one => {
    if (words.length > 0) return words.includes(one.plural) || words.includes(nameOf(one))
    return (
      (noisy === true || !noise.has(nameOf(one))) && (namespace === undefined || one.namespaced)
    )
  })
}

async function changesOf(
  api: ApiClient,
  resource: DiscoveredResource,
  namespace: string | undefined,
  from: End,
  to: End,
): Promise<readonly ObjectChange[]> {
  const [before, after] = await Promise.all([
    objectsAt(api, resource, namespace, from.resourceVersion),
    objectsAt(api, resource, namespace, to.resourceVersion),
  ])
  const changes: ObjectChange[] = []
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const change = changeOf(before.get(key), after.get(key), from.timeMs ?? 0)
    if (change === null) continue
    const slash = key.indexOf('/')
    const place = { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
    changes.push({ resource: nameOf(resource), ...place, ...change })
  }
  return changes
}

function changeOf(
  before: KubeObject | undefined,
  after: KubeObject | undefined,
  sinceMs: number,
): Pick<ObjectChange, 'change' | 'by' | 'fields'> | null {
  if (after === undefined)
    return before === undefined ? null : { change: 'removed', by: [], fields: [] }
  if (before === undefined) return { change: 'added', by: ownersOf(after, [], sinceMs), fields: [] }
  if (before.metadata.resourceVersion === after.metadata.resourceVersion) return null
  if (before.metadata.uid !== after.metadata.uid) {
    return { change: 'replaced', by: ownersOf(after, [], sinceMs), fields: [] }
  }
  const fields = fieldChanges(before, after, sinceMs)
  return fields.length === 0 ? null : { change: 'changed', by: [], fields }
}

function headline(from: End, to: End, count: number): string {
  const end = ({ resourceVersion, timeMs }: End) =>
    timeMs === null
      ? `revision ${resourceVersion}`
      : `revision ${resourceVersion} (${new Date(timeMs).toISOString()})`
  const objects = count === 1 ? 'one object' : `${count === 0 ? 'no' : String(count)} objects`
  return `From ${end(from)} to ${end(to)}: ${objects} changed.`
}
