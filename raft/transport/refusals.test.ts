// What is counted and logged of refusals, and that each kind has its row in the documentation.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Logger } from '../../platform/logger.js'
import { silentLogger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { PeerRefused, refusalReasons, Refusals } from './refusals.js'

test('each is counted by its reason, and logged once in ten seconds with the number of the others', () => {
  const clock = new VirtualClock()
  const counted: string[] = []
  const logged: unknown[] = []
  const metrics: Metrics = {
    ...deafMetrics,
    counter: () => ({
      add: (amount, labels) =>
        counted.push(...Array<string>(amount ?? 1).fill(labels?.['reason'] ?? '')),
    }),
  }
  const logger: Logger = { ...silentLogger, warn: fields => logged.push(fields) }
  const refusals = new Refusals(clock, logger, metrics)
  const note = () => refusals.note(new PeerRefused('malformed', 'nonsense'), 'somewhere')
  for (let at = 0; at < 5; at += 1) note()
  refusals.note(new PeerRefused('silent', 'nothing'), 'elsewhere')
  clock.advance(10_000)
  note()
  expect(counted).toEqual([...Array<string>(5).fill('malformed'), 'silent', 'malformed'])
  expect(logged).toEqual([
    { remote: 'somewhere', reason: 'malformed', detail: 'nonsense', alsoRefused: 0 },
    { remote: 'elsewhere', reason: 'silent', detail: 'nothing', alsoRefused: 0 },
    { remote: 'somewhere', reason: 'malformed', detail: 'nonsense', alsoRefused: 4 },
  ])
})

test('each has a row in the documentation', () => {
  const page = readFileSync('docs/members.md', 'utf8')
  expect(refusalReasons.filter(reason => !page.includes(`| \`${reason}\` |`))).toEqual([])
})
