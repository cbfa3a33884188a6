// The command in processes and threads of its own: the same seeds give the same hash however they
// are spread, and the exit code says what the verdict says.

import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const main = join(resolve(import.meta.dirname, '../..'), 'dist/cli/main.js')

function simulate(...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, 'chaos', 'simulate', ...flags],
    { encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

describe('raftsman chaos simulate', () => {
  it('gives one hash for the same seeds in other processes and on more threads', () => {
    const seeds = ['--seed', '500', '--seeds', '6', '--until-ms', '4000', '-o', 'json']
    const runs = [
      simulate(...seeds, '--threads', '1'),
      simulate(...seeds, '--threads', '1'),
      simulate(...seeds, '--threads', '3'),
    ]
    for (const { status, stderr } of runs) expect([status, stderr]).toEqual([0, ''])
    const told = runs.map(({ stdout }) => ({ ...JSON.parse(stdout), elapsedSeconds: 0 }) as object)
    expect(told[0]).toMatchObject({ verdict: 'valid', seeds: 6 })
    expect(told[1]).toEqual(told[0])
    expect(told[2]).toEqual(told[0])
  })

  it('gives one hash for the same seeds of whole stores as well', () => {
    const seeds = ['--scenario', 'store', '--seed', '7', '--seeds', '4', '--until-ms', '3000']
    const runs = ['1', '2'].map(threads => simulate(...seeds, '--threads', threads, '-o', 'json'))
    for (const { status, stderr } of runs) expect([status, stderr]).toEqual([0, ''])
    const [first, again] = runs.map(({ stdout }) => ({
      ...(JSON.parse(stdout) as object),
      elapsedSeconds: 0,
    }))
    expect(first).toMatchObject({ verdict: 'valid', scenario: 'store', seeds: 4 })
    expect(again).toEqual(first)
  })

  it('gives one hash for the same seeds of whole control planes as well', () => {
    const seeds = ['--scenario', 'control-plane', '--seed', '5', '--seeds', '2']
    const short = ['--until-ms', '2000', '--operations', '10', '--members', '1', '-o', 'json']
    const runs = ['1', '2'].map(threads => simulate(...seeds, ...short, '--threads', threads))
    for (const { status, stderr } of runs) expect([status, stderr]).toEqual([0, ''])
    const [first, again] = runs.map(({ stdout }) => ({
      ...(JSON.parse(stdout) as object),
      elapsedSeconds: 0,
    }))
    expect(first).toMatchObject({ verdict: 'valid', scenario: 'control-plane', seeds: 2 })
    expect(again).toEqual(first)
  })

  it('fails for the canary, says what broke, and how to see it again', () => {
    const { status, stdout } = simulate('--seed', '11', '--lying-disks')
    expect(status).toBe(1)
    const replay = /^replay +npx raftsman (chaos simulate .*)$/m.exec(stdout)?.[1] ?? ''
    expect(replay).toContain('--seed 11')
    const [, , ...flags] = replay.split(' ')
    expect(simulate(...flags, '--no-shrink').status).toBe(1)
  })

  it('refuses what it cannot do in one sentence', () => {
    expect(simulate('--seed', 'x').stderr).toMatch(/^raftsman: --seed takes a whole number/)
    expect(simulate('--without-faults', 'rain').stderr).toContain('no kind of fault')
  })
})
