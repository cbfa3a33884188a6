import { describe, expect, it } from 'vitest'

import { RaftsmanError } from '../../platform/errors.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Sliced } from '../core/sliced.js'
import { SlicedWork } from './sliced-work.js'

function setUp() {
  const clock = new VirtualClock()
  const work = new SlicedWork(clock)
  const done: string[] = []
  /** Notes each of its slices, and then answers or fails. */
  const log: string[] = []
  function* slices(name: string, count: number, error?: Error): Sliced<string> {
    for (let at = 1; at < count; at++) {
      log.push(`${name}${at}`)
      yield
    }
    log.push(`${name}${count}`)
    if (error !== undefined) throw error
    return `${name} read`
  }
  const run = (name: string, count: number, error?: Error, wanted = () => true) =>
    work.run(slices(name, count, error), wanted, (failure, result) =>
      done.push(failure?.message ?? result ?? 'nothing'),
    )
  const settle = () => {
    while (clock.pending > 0) clock.step()
  }
  return { work, done, log, run, settle }
}

const refused = new RaftsmanError('refused', {
  code: 'refused',
  retryable: false,
  outcome: 'not-applied',
})

describe('work in slices', () => {
  it('is done at once where one slice is enough', () => {
    const { done, run } = setUp()
    run('a', 1)
    run('b', 1, refused)
    expect(done).toEqual(['a read', 'refused'])
  })

  it('goes on in later turns, and one piece behind the other', () => {
    const { done, log, run, settle } = setUp()
    run('a', 3)
    run('b', 3)
    expect(log).toEqual(['a1', 'b1'])
    expect(done).toEqual([])
    settle()
    expect(log).toEqual(['a1', 'b1', 'a2', 'a3', 'b2', 'b3'])
    expect(done).toEqual(['a read', 'b read'])
  })

  it('tells of an error in a later slice, and goes on with the others', () => {
    const { done, run, settle } = setUp()
    run('a', 2, refused)
    run('b', 2)
    settle()
    expect(done).toEqual(['refused', 'b read'])
  })

  it('is left when nobody waits for it any more', () => {
    const { done, log, run, settle } = setUp()
    let wanted = true
    run('a', 9, undefined, () => wanted)
    run('b', 2)
    wanted = false
    settle()
    expect(log).toEqual(['a1', 'b1', 'b2'])
    expect(done).toEqual(['b read'])
  })

  it('is refused when too much of it waits, and forgotten at the end', () => {
    const { work, done, run, settle } = setUp()
    for (let at = 0; at < 1_024; at++) run(`a${at}.`, 2)
    expect(() => run('b', 2)).toThrow(expect.objectContaining({ code: 'too-many-requests' }))
    work.close()
    settle()
    expect(done).toEqual([])
  })
})
