// `raftsman what-if`: where pods would go, what would move and what would find no room, if there were these pods and
// nodes, or those were gone. Nothing is changed. Kubernetes has no counterpart.

import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { Json, JsonObject } from '../orchestrator/api/object.js'
import { isJsonObject } from '../orchestrator/api/record.js'
import type { WhatIfAnswer } from '../orchestrator/scheduler/core/what-if/what-if.js'
import { nodeClock } from '../platform/node/clock.js'
import { openApi } from './api-access.js'
import { Layout } from './cluster/layout.js'
import { rememberedPlan } from './cluster/members.js'
import { print } from './output.js'
import { UserError } from './user-error.js'
import { imaginedOf, moreNodes } from './what-if/manifests.js'
import { answerLines } from './what-if/print.js'

interface Flags {
  readonly filename: readonly string[]
  readonly namespace: string
  readonly addNode: readonly string[]
  readonly removeNode: readonly string[]
  readonly cordon: readonly string[]
  readonly uncordon: readonly string[]
  readonly drain: readonly string[]
  readonly removePod: readonly string[]
  readonly output: string
  readonly dataDir: string
}

const more = (text: string, before: readonly string[]): readonly string[] => [...before, text]

export function define(command: Command): void {
  const many = (flags: string, description: string) => command.option(flags, description, more, [])
  many(
    '-f, --filename <file>',
    'manifests of pods, workloads, nodes and budgets; - for standard input',
  )
  many('--add-node <node>', 'more nodes of the make of one, as in like=node-1,count=2')
  many('--remove-node <name>', 'a node that is gone, with all that runs there')
  many('--cordon <name>', 'a node that takes no more pods')
  many('--uncordon <name>', 'a node that takes pods again')
  many('--drain <name>', 'a node whose pods are evicted')
  many('--remove-pod <name>', 'a pod that is gone, as in name or namespace/name')
  command
    .option('-n, --namespace <name>', 'of manifests and pods that name none', 'default')
    .option('-o, --output <format>', 'text or json', 'text')
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .addHelpText(
      'after',
      '\nFlags may be given several times. Ends with 0 when every pod finds a node, else with 1.',
    )
    .action(whatIf)
}

async function whatIf(flags: Flags): Promise<void> {
  if (flags.output !== 'text' && flags.output !== 'json') {
    throw new UserError(`There is no output "${flags.output}": text or json.`)
  }
  const manifests = flags.filename.flatMap(manifestsOf)
  const layout = new Layout(flags.dataDir)
  const access = openApi(layout, rememberedPlan(layout), nodeClock())
  try {
    const imagined = await imaginedOf(access.api, manifests, flags.namespace)
    const added: Json[] = [...imagined.nodes]
    for (const text of flags.addNode) added.push(...(await moreNodes(access.api, text)))
    const answer = await access.api.postJson<WhatIfAnswer>('/raftsman/what-if', {
      pods: imagined.pods,
      budgets: imagined.budgets,
      nodes: {
        add: added,
        remove: flags.removeNode,
        cordon: flags.cordon,
        uncordon: flags.uncordon,
        drain: flags.drain,
      },
      removePods: flags.removePod.map(name =>
        name.includes('/') ? name : `${flags.namespace}/${name}`,
      ),
    })
    print(flags.output === 'json' ? [JSON.stringify(answer)] : answerLines(answer))
    process.exitCode = answer.stranded.length === 0 ? 0 : 1
  } finally {
    access.close()
  }
}

function manifestsOf(file: string): readonly JsonObject[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : ''}`)
  }
  return parseAllDocuments(text).flatMap(document => {
    const [problem] = document.errors
    if (problem !== undefined) throw new UserError(`${file} is no YAML: ${problem.message}`)
    const value = document.toJS() as Json
    if (value === null) return []
    if (!isJsonObject(value)) throw new UserError(`${file} has a document that is no object.`)
    return value['kind'] === 'List' && Array.isArray(value['items'])
      ? (value['items'] as readonly Json[]).filter(isJsonObject)
      : [value]
  })
}
