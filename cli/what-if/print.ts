// What would be if, as text for people. Pure.

import Table from 'cli-table3'
import type { WhatIfAnswer } from '../../orchestrator/scheduler/core/what-if/what-if.js'
import { count } from '../explain/print.js'
import { plain } from '../plain-table.js'

export function answerLines(answer: WhatIfAnswer): readonly string[] {
  const { nodes, departures, arrivals, stranded } = answer
  const table = new Table({ ...plain, head: ['POD', 'WHY', 'FROM', 'TO'] })
  for (const { pod, cause, from, node } of arrivals) table.push([pod, cause, from ?? '-', node])
  for (const { pod, cause, from } of stranded) table.push([pod, cause, from ?? '-', '-'])
  const changed = nodes.before === nodes.after ? '' : ` (now ${nodes.before})`
  const looking = arrivals.length + stranded.length
  return [
    `${count(nodes.after, 'node')}${changed}; ${sentence(looking, stranded.length)}`,
    ...(looking === 0 ? [] : ['', ...table.toString().replaceAll(/ +$/gm, '').split('\n')]),
    ...reasonLines(answer),
    ...arrivals.flatMap(({ pod, preempts }) =>
      preempts.length === 0 ? [] : ['', `For ${pod} would have to go: ${preempts.join(', ')}`],
    ),
    ...departureLines(departures),
  ]
}

function sentence(looking: number, stranded: number): string {
  if (looking === 0) return 'no pod would look for a node'
  if (stranded === 0) return `${count(looking, 'pod')} would find a node`
  return `of ${count(looking, 'pod')} that would look for a node, ${stranded} would find none`
}

/** Pods that nothing helps, by what their events would say. */
function reasonLines({ stranded }: WhatIfAnswer): readonly string[] {
  const byMessage = new Map<string, string[]>()
  for (const { pod, message } of stranded) {
    const known = byMessage.get(message)
    if (known === undefined) byMessage.set(message, [pod])
    else known.push(pod)
  }
  return [...byMessage].flatMap(([message, pods]) => [
    '',
    `No node for ${listed(pods)}:`,
    `  ${message}`,
  ])
}

function departureLines(departures: WhatIfAnswer['departures']): readonly string[] {
  const lost = departures.filter(({ fate }) => fate === 'lost').map(({ pod }) => pod)
  const held = departures.filter(({ heldBy }) => heldBy.length > 0)
  const budgets = [...new Set(held.flatMap(({ heldBy }) => heldBy))]
  return [
    ...(lost.length === 0 ? [] : ['', `Lost, for nobody makes them again: ${listed(lost)}`]),
    ...(held.length === 0
      ? []
      : [
          '',
          `The drain would wait for ${listed(budgets)} before ${count(held.length, 'pod')} may go.`,
        ]),
  ]
}

const namesShown = 5

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ')
  return names.length <= namesShown ? shown : `${shown} and ${names.length - namesShown} more`
}
