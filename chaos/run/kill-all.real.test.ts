// All members are killed at one moment, again and again, at moments that nobody chose: nothing that was
// acknowledged is lost, and the revisions tell one story. The same two hundred times is
// `raftsman chaos run --nemesis kill-all --strikes 200`.

import { expect, test } from 'vitest'
import { run } from './run.js'

const seed = Number(process.env['RAFTSMAN_KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const say = (line: string): void => void process.stderr.write(`${line}\n`)

test.each([
  ['register', 11],
  ['append', 4],
] as const)(
  'No acknowledged write is lost when all members are killed at once (%s, %i times).',
  async (workload, strikes) => {
    say(`seed ${seed}`)
    const options = { workload, nemesis: 'kill-all', strikes, seconds: 600, seed, say } as const
    const { checks, faults, acknowledged, history } = await run(options)
    say(`${acknowledged} writes acknowledged, ${history.length} operations`)
    expect(checks.filter(({ verdict }) => verdict !== 'valid')).toEqual([])
    expect(faults).toEqual({ 'kill-all': strikes })
    expect(acknowledged).toBeGreaterThan(20 * strikes)
  },
  900_000,
)
