// The smallest run of a bench that tells something: one member, one client, one put under way.

import { tmpdir } from 'node:os'
import { expect } from 'vitest'

import { must } from '../../../platform/errors.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { StopSwitch } from '../../harness/stop.js'
import { scenarios } from '../../scenarios/registry.js'
import type { Side } from '../../sides/side.js'
import type { SideResult } from '../report.js'
import { runBench } from '../run.js'

/** `environment`: of the member, beside that of this process. */
export async function putsOneByOne(
  side: Side,
  environment: Readonly<Record<string, string>> = {},
): Promise<SideResult> {
  const { scenarios: reports } = await runBench({
    scenarios: scenarios.filter(({ name }) => name === 'put-1x1'),
    sides: [side],
    members: 1,
    repetitions: 1,
    settings: {
      clients: null,
      valueBytes: null,
      rate: null,
      seconds: 1,
      warmUpSeconds: 0.2,
      serverWarmUpSeconds: 0,
      quick: true,
    },
    parent: tmpdir(),
    clock: nodeClock(),
    stop: new StopSwitch(),
    environment,
    say: () => {},
  })
  const report = must(reports[0], 'one was asked for')
  expect(report.failures).toEqual([])
  return must(report[side.name], 'it came to a result')
}

/** Runs in every member before it starts. */
export const before = (program: string): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(program)}"`,
})
