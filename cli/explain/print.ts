// A decision of the scheduler as text for people. Pure.

import type { Explanation } from '../../orchestrator/scheduler/core/explanation.js'

const bestShown = 5
const rejectedShown = 5

/** `width`: columns of the terminal. */
export function explanationLines(key: string, told: Explanation, width: number): readonly string[] {
  return [
    headline(key, told),
    ...scoreLines(told, width),
    ...rejectionLines(told),
    ...preemptionLines(told),
  ]
}

function headline(key: string, { chosen, nodes, best }: Explanation): string {
  const { total, seen, passed } = nodes
  const equals = best.filter(one => one.total === best[0]?.total).length
  const looked = seen < total ? `, ${seen} were looked at` : ''
  const counts = `of ${count(total, 'node')}${looked}, ${passed} would do`
  if (chosen === null) return `${key}: no node (${counts})`
  const chance = equals > 1 ? `, picked among ${equals} that scored the same` : ''
  return `${key}: ${chosen} (${counts}${chance})`
}

/** The best nodes with what each plugin gave them, which is what tells them apart. */
function scoreLines({ best, chosen }: Explanation, width: number): readonly string[] {
  if (best.length === 0) return []
  const shown = best.slice(0, bestShown)
  const picked = best.find(({ node }) => node === chosen)
  if (picked !== undefined && !shown.includes(picked)) shown[shown.length - 1] = picked
  const nameWidth = Math.max(...shown.map(({ node }) => node.length), 'NODE'.length)
  const totals = shown.map(({ total }) => String(Math.round(total)))
  const totalWidth = Math.max(...totals.map(text => text.length), 'SCORE'.length)
  const indent = 2 + nameWidth + 2 + totalWidth + 2
  const row = (name: string, total: string, rest: string) =>
    `  ${name.padEnd(nameWidth)}  ${total.padStart(totalWidth)}  ${rest}`
  const lines = shown.map(({ node, scores }, at) => {
    const parts = Object.entries(scores).map(([plugin, score]) => `${plugin} ${Math.round(score)}`)
    return row(node, totals[at] ?? '', wrapped(parts, Math.max(20, width - indent), indent))
  })
  const more = best.length - shown.length
  return [
    '',
    row('NODE', 'SCORE', 'OF'),
    ...lines,
    ...(more > 0 ? [`  and ${more} more with -o json`] : []),
  ]
}

function rejectionLines({ rejections, rejected, verdict }: Explanation): readonly string[] {
  if (verdict !== null)
    return ['', `No node at all: ${verdict.plugin}: ${verdict.reasons.join(', ')}`]
  if (rejections.length === 0) return []
  const lines = rejections.flatMap(({ plugin, reason, nodes }) => {
    const names = rejected
      .filter(one => one.plugin === plugin && one.reasons.includes(reason))
      .map(({ node }) => node)
    const shown = names.slice(0, rejectedShown)
    const more = nodes - shown.length
    const list = [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ')
    return [`  ${plugin}: ${reason}`, `    ${list}`]
  })
  return ['', 'Turned away:', ...lines]
}

function preemptionLines({ preemption }: Explanation): readonly string[] {
  if (preemption === null) return []
  const { node, victims, budgetViolations, tried, message } = preemption
  if (node === null) return message === '' ? [] : ['', `Preemption: ${message}`]
  const violations = budgetViolations === 0 ? '' : `, ${count(budgetViolations, 'budget')} violated`
  return [
    '',
    `Preemption: ${count(victims.length, 'pod')} of ${node} would make room (${count(tried, 'node')} tried${violations})`,
    ...victims.map(victim => `  ${victim}`),
  ]
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function wrapped(parts: readonly string[], width: number, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const part of parts) {
    if (line !== '' && line.length + 2 + part.length > width) {
      lines.push(`${line},`)
      line = part
    } else {
      line = line === '' ? part : `${line}, ${part}`
    }
  }
  lines.push(line)
  return lines.join(`\n${' '.repeat(indent)}`)
}
