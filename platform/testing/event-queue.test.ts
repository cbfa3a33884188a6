import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueuedEvent } from './event-queue.js'
import { EventQueue } from './event-queue.js'

describe('an event queue', () => {
  it('gives events by time and then by order of asking, without those that were cancelled', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), at: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ kind: fc.constant('cancel' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('take' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const queue = new EventQueue<number>()
        const model: QueuedEvent<number>[] = []
        let pushed = 0
        for (const taken of steps) {
          if (taken.kind === 'push') {
            pushed += 1
            model.push(queue.push(taken.at, pushed))
          } else if (taken.kind === 'cancel') {
            const victim = model[taken.at % Math.max(1, model.length)]
            if (victim === undefined) continue
            queue.cancel(victim)
            model.splice(model.indexOf(victim), 1)
          } else {
            model.sort((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)
            expect(queue.nextMs).toBe(model[0]?.atMs ?? Number.POSITIVE_INFINITY)
            const wanted = model[0]?.value ?? null
            expect(queue.take()).toBe(wanted)
            model.shift()
          }
          expect(queue.size).toBe(model.length)
        }
      }),
    )
  })
})
