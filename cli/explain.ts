// `raftsman explain pod NAME`: why the scheduler put a pod where it is, or nowhere. Kubernetes has no counterpart.

import type { Command } from 'commander'
import type { Explanation } from '../orchestrator/scheduler/core/explanation.js'
import { nodeClock } from '../platform/node/clock.js'
import { openApi } from './api-access.js'
import { Layout } from './cluster/layout.js'
import { rememberedPlan } from './cluster/members.js'
import { explanationLines } from './explain/print.js'
import { print } from './output.js'
import { UserError } from './user-error.js'

interface Flags {
  readonly namespace: string
  readonly output: string
  readonly dataDir: string
}

export function define(command: Command): void {
  command
    .argument('<kind>', 'pod')
    .argument('<name>', 'of the pod')
    .option('-n, --namespace <name>', 'of the pod', 'default')
    .option('-o, --output <format>', 'text or json', 'text')
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .addHelpText(
      'after',
      '\nThe scheduler that leads remembers its last attempt for each of a thousand pods.',
    )
    .action(explain)
}

const kinds = new Set(['pod', 'pods', 'po'])

async function explain(kind: string, name: string, flags: Flags): Promise<void> {
  if (!kinds.has(kind)) throw new UserError(`"${kind}" cannot be explained: only a pod can.`)
  if (flags.output !== 'text' && flags.output !== 'json') {
    throw new UserError(`There is no output "${flags.output}": text or json.`)
  }
  const layout = new Layout(flags.dataDir)
  const access = openApi(layout, rememberedPlan(layout), nodeClock())
  try {
    const place = [flags.namespace, name].map(encodeURIComponent).join('/')
    const told = await access.api.getJson<Explanation>(`/raftsman/explain/${place}`)
    if (flags.output === 'json') print([JSON.stringify(told)])
    else print(explanationLines(`${flags.namespace}/${name}`, told, process.stdout.columns ?? 80))
  } finally {
    access.close()
  }
}
