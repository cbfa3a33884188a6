// A KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) as profiles. Pure; text in, values out.
// Counterpart: pkg/scheduler/apis/config. Left out: extenders, and what concerns a process of its own
// (clientConnection, leaderElection, parallelism, debugging), which is read and not used.

import { parse } from 'yaml'
import { type Plugin, type PluginName } from '../plugin.js'
import type { PreemptionArgs } from '../preemption/preemption.js'
import { preemptionDefaults } from '../preemption/preemption.js'
import {
  defaultPlugins,
  defaultProfile,
  type Profile,
  profileOf,
  type Weighted,
} from '../profile.js'
import { configurable, readBindTimeout, readPreemptionArgs, refuseArgs } from './plugin-args.js'
import { ConfigurationError, ValueReader } from './value-reader.js'

export interface SchedulerConfiguration {
  /** At least one. */
  readonly profiles: readonly Profile[]
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
  /** How long a pod waits for its volumes to be bound. */
  readonly volumeBindTimeoutMs: number
}

export const defaultConfiguration: SchedulerConfiguration = {
  profiles: [defaultProfile],
  backoffFirstMs: 1000,
  backoffMaxMs: 10_000,
  volumeBindTimeoutMs: 600_000,
}

const apiVersion = 'kubescheduler.config.k8s.io/v1'
const textCharactersMax = 1024 * 1024
const profilesMax = 100

/** @throws ConfigurationError, which says where and what */
export function parseConfiguration(text: string): SchedulerConfiguration {
  if (text.length > textCharactersMax) throw new ConfigurationError('the configuration is too long')
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 100 })
  } catch (error) {
    throw new ConfigurationError(`the configuration is no YAML: ${String(error)}`)
  }
  const fields = new ValueReader(value, '').fields([
    'apiVersion',
    'kind',
    'profiles',
    'percentageOfNodesToScore',
    'podInitialBackoffSeconds',
    'podMaxBackoffSeconds',
    'parallelism',
    'leaderElection',
    'clientConnection',
    'enableProfiling',
    'enableContentionProfiling',
    'delayCacheUntilActive',
  ])
  fields.apiVersion.oneOf([apiVersion])
  fields.kind.oneOf(['KubeSchedulerConfiguration'])
  const percentage = fields.percentageOfNodesToScore.integer(0, 100, 0)
  const firstSeconds = fields.podInitialBackoffSeconds.integer(1, 3600, 1)
  const maxSeconds = fields.podMaxBackoffSeconds.integer(1, 24 * 3600, 10)
  if (maxSeconds < firstSeconds) {
    fields.podMaxBackoffSeconds.fail('must not be less than podInitialBackoffSeconds')
  }
  const read = fields.profiles.items().map(profile => readProfile(profile, percentage))
  if (read.length > profilesMax) fields.profiles.fail(`must not be more than ${profilesMax}`)
  if (read.length === 0) {
    const profile = { ...defaultProfile, percentageOfNodesToScore: percentage }
    return { ...defaultConfiguration, profiles: [profile], ...backoff(firstSeconds, maxSeconds) }
  }
  const names = read.map(({ profile }) => profile.schedulerName)
  if (new Set(names).size < names.length) {
    fields.profiles.fail('every schedulerName must be there once')
  }
  return {
    profiles: read.map(({ profile }) => profile),
    ...backoff(firstSeconds, maxSeconds),
    volumeBindTimeoutMs:
      Math.max(...read.map(({ bindTimeoutSeconds }) => bindTimeoutSeconds)) * 1000,
  }
}

const backoff = (firstSeconds: number, maxSeconds: number) => ({
  backoffFirstMs: firstSeconds * 1000,
  backoffMaxMs: maxSeconds * 1000,
})

/** What an extension point of the original is here; several are one. */
const phases = {
  preEnqueue: 'preEnqueue',
  queueSort: 'queueSort',
  preFilter: 'filter',
  filter: 'filter',
  postFilter: 'postFilter',
  preScore: 'score',
  score: 'score',
  reserve: 'stages',
  permit: 'stages',
  preBind: 'stages',
  bind: 'stages',
  postBind: 'stages',
} as const
type Point = keyof typeof phases
type Phase = (typeof phases)[Point]
const points = Object.keys(phases) as readonly Point[]
const allPhases: ReadonlySet<Phase> = new Set(Object.values(phases))

interface Choice {
  readonly plugin: Plugin
  weight: number
  phases: Set<Phase>
}

/** Part of every profile whatever it says: without them no pod gets a node, or all get one twice. */
const preemptionName = 'DefaultPreemption'
const binderName = 'DefaultBinder'

function known(): readonly Weighted[] {
  const bare = (name: PluginName): Weighted => ({ plugin: { name }, weight: 0 })
  return [...defaultPlugins, bare(preemptionName), bare(binderName)]
}

function readProfile(
  reader: ValueReader,
  percentageOfAll: number,
): { readonly profile: Profile; readonly bindTimeoutSeconds: number } {
  const { schedulerName, percentageOfNodesToScore, plugins, pluginConfig } = reader.fields([
    'schedulerName',
    'percentageOfNodesToScore',
    'plugins',
    'pluginConfig',
  ])
  const choices = new Map<string, Choice>()
  for (const { plugin, weight } of known()) {
    choices.set(plugin.name, { plugin, weight, phases: new Set(allPhases) })
  }
  const args = readArgs(pluginConfig, choices)
  const fields = plugins.fields(['multiPoint', ...points])
  choose(fields.multiPoint, choices, allPhases)
  for (const point of points) choose(fields[point], choices, new Set([phases[point]]))
  const chosen = [...choices.values()].filter(({ phases: own }) => own.size > 0)
  if (!chosen.some(({ plugin, phases: own }) => plugin.queueSort && own.has('queueSort'))) {
    plugins.fail('a profile needs a plugin that sorts the queue')
  }
  if (!choices.get(binderName)?.phases.has('stages')) {
    plugins.fail(`a profile needs ${binderName}, which binds`)
  }
  const preempts = choices.get(preemptionName)?.phases.has('postFilter') ?? false
  return {
    profile: profileOf(
      schedulerName.text('default-scheduler'),
      chosen.map(choice => narrowed(choice, args.plugins)),
      percentageOfNodesToScore.integer(0, 100, percentageOfAll),
      preempts ? args.preemption : null,
    ),
    bindTimeoutSeconds: args.bindTimeoutSeconds,
  }
}

interface Args {
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly preemption: PreemptionArgs
  readonly bindTimeoutSeconds: number
}

function readArgs(reader: ValueReader, choices: ReadonlyMap<string, Choice>): Args {
  const plugins = new Map<string, Plugin>()
  const seen = new Set<string>()
  let preemption = preemptionDefaults
  let bindTimeoutSeconds = 600
  for (const item of reader.items()) {
    const { name: nameReader, args } = item.fields(['name', 'args'])
    const name = nameReader.text()
    if (seen.has(name)) nameReader.fail(`"${name}" is there twice`)
    seen.add(name)
    const make = Object.hasOwn(configurable, name) ? configurable[name] : undefined
    if (make) plugins.set(name, make(args))
    else if (name === preemptionName) preemption = readPreemptionArgs(args)
    else if (name === 'VolumeBinding') bindTimeoutSeconds = readBindTimeout(args)
    else if (choices.has(name)) refuseArgs(name, args)
    else nameReader.fail(`there is no plugin "${name}"`)
  }
  return { plugins, preemption, bindTimeoutSeconds }
}

function choose(
  reader: ValueReader,
  choices: ReadonlyMap<string, Choice>,
  where: ReadonlySet<Phase>,
): void {
  const { enabled, disabled } = reader.fields(['enabled', 'disabled'])
  for (const item of disabled.items()) {
    const name = item.fields(['name', 'weight']).name.text()
    const named = name === '*' ? [...choices.values()] : [choiceOf(item, name, choices)]
    for (const choice of named) for (const phase of where) choice.phases.delete(phase)
  }
  for (const item of enabled.items()) {
    const { name, weight } = item.fields(['name', 'weight'])
    const choice = choiceOf(item, name.text(), choices)
    for (const phase of where) choice.phases.add(phase)
    if (!weight.isAbsent && where.has('score')) choice.weight = weight.integer(0, 100)
  }
}

function choiceOf(item: ValueReader, name: string, choices: ReadonlyMap<string, Choice>): Choice {
  const choice = choices.get(name)
  if (choice) return choice
  return item.fail(
    `there is no plugin "${name}"; there are ${[...choices.keys()].sort().join(', ')}`,
  )
}

/** The plugin with the phases alone that it was chosen for. */
function narrowed(
  { plugin, weight, phases: own }: Choice,
  configured: ReadonlyMap<string, Plugin>,
): Weighted {
  const { name, preEnqueue, queueSort, filter, score, hints } =
    configured.get(plugin.name) ?? plugin
  return {
    plugin: {
      name,
      ...(preEnqueue && own.has('preEnqueue') ? { preEnqueue } : {}),
      ...(queueSort && own.has('queueSort') ? { queueSort } : {}),
      ...(filter && own.has('filter') ? { filter } : {}),
      ...(score && own.has('score') ? { score } : {}),
      ...(hints ? { hints } : {}),
    },
    // An enabled score that says no weight counts once.
    weight: weight === 0 ? 1 : weight,
  }
}
