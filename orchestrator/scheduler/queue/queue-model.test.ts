import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import { nodeRemoved, podFreed } from '../core/cluster-event.js'
import { prioritySort } from '../core/plugins/gates-and-order.js'
import { defaultProfile } from '../core/profile.js'
import { node, pod } from '../testing/objects.js'
import { Heap, type HeapMember } from './heap.js'
import { hintsOf, SchedulingQueue } from './scheduling-queue.js'

interface Member extends HeapMember {
  value: number
}

test('a heap gives out the least first, whoever left from the middle or moved', () => {
  const change = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ remove: fc.nat(20) }),
    fc.record({ move: fc.nat(20), to: fc.integer({ min: 0, max: 20 }) }),
    fc.constant({ pop: true }),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), changes => {
      const heap = new Heap<Member>((a, b) => a.value - b.value)
      const model: Member[] = []
      const pop = () => {
        const least = Math.min(...model.map(({ value }) => value))
        const popped = heap.pop()
        expect(popped?.value).toBe(model.length === 0 ? undefined : least)
        if (popped) model.splice(model.indexOf(popped), 1)
      }
      for (const one of changes) {
        if ('push' in one) {
          const member = { value: one.push, heapAt: -1 }
          heap.push(member)
          model.push(member)
        } else if ('remove' in one) {
          const [member] = model.splice(one.remove % Math.max(1, model.length), 1)
          if (member) heap.remove(member)
        } else if ('move' in one) {
          const member = model[one.move % Math.max(1, model.length)]
          if (!member) continue
          member.value = one.to
          heap.moved(member)
        } else {
          pop()
        }
        expect(heap.size).toBe(model.length)
      }
      while (model.length > 0) pop()
    }),
  )
})

type Where = 'active' | 'backoff' | 'unschedulable' | 'in-flight'

/** A list that is looked through from end to end. */
interface ModelPod {
  readonly name: string
  priority: number
  readonly since: number
  where: Where
  attempts: number
  failedAtMs: number
  readyAtMs: number
  helped: boolean
}

const names = ['a', 'b', 'c', 'd', 'e']
const step = fc.oneof(
  fc.record({ add: fc.constantFrom(...names), priority: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ remove: fc.constantFrom(...names) }),
  fc.constant({ take: true }),
  fc.record({ reject: fc.constantFrom(...names) }),
  fc.record({ retry: fc.constantFrom(...names) }),
  fc.record({ done: fc.constantFrom(...names) }),
  fc.record({ event: fc.constantFrom('helpful', 'useless') }),
  fc.record({ passMs: fc.constantFrom(1, 500, 1000, 5000, 400_000) }),
)

test('the queue does what a list would that is looked through from end to end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const clock = new VirtualClock()
      const queue = new SchedulingQueue({
        clock,
        onReady: () => {},
        queueSort: prioritySort.queueSort ?? (() => 0),
        mayHelp: hintsOf(() => defaultProfile.plugins),
      })
      const model = new Map<string, ModelPod>()
      let sequence = 0
      let flushAtMs = Number.POSITIVE_INFINITY
      const backOff = (one: ModelPod) => {
        one.readyAtMs = one.failedAtMs + Math.min(1000 * 2 ** (one.attempts - 1), 10_000)
        one.where = one.readyAtMs <= clock.monotonicMs() ? 'active' : 'backoff'
      }
      const uid = (name: string) => `uid-${name}`
      const inFlight = (name: string) => {
        const one = model.get(name)
        return one?.where === 'in-flight' ? one : undefined
      }
      const pass = (ms: number) => {
        // The model walks through the milliseconds at which something is due.
        const untilMs = clock.monotonicMs() + ms
        for (;;) {
          const due = Math.min(
            flushAtMs,
            ...[...model.values()].flatMap(one => (one.where === 'backoff' ? [one.readyAtMs] : [])),
          )
          if (due > untilMs) break
          clock.advance(due - clock.monotonicMs())
          for (const one of model.values()) {
            if (one.where === 'backoff' && one.readyAtMs <= due) one.where = 'active'
          }
          if (due === flushAtMs) {
            for (const one of model.values()) {
              if (one.where === 'unschedulable' && one.failedAtMs + 300_000 <= due) backOff(one)
            }
            const left = [...model.values()].some(({ where }) => where === 'unschedulable')
            flushAtMs = left ? due + 30_000 : Number.POSITIVE_INFINITY
          }
        }
        clock.advance(untilMs - clock.monotonicMs())
      }
      for (const one of steps) {
        if ('add' in one) {
          const { add: name, priority } = one
          queue.addOrUpdate(pod(name, { priority }), false)
          const known = model.get(name)
          if (known) known.priority = priority
          else {
            model.set(name, {
              name,
              priority,
              since: sequence++,
              where: 'active',
              attempts: 0,
              failedAtMs: 0,
              readyAtMs: 0,
              helped: false,
            })
          }
        } else if ('remove' in one) {
          queue.remove(uid(one.remove))
          model.delete(one.remove)
        } else if ('take' in one) {
          const [next] = [...model.values()]
            .filter(({ where }) => where === 'active')
            .sort((a, b) => b.priority - a.priority || a.since - b.since)
          expect(queue.take()?.metadata.name).toBe(next?.name)
          if (next)
            Object.assign(next, { where: 'in-flight', helped: false, attempts: next.attempts + 1 })
        } else if ('reject' in one) {
          queue.reject(uid(one.reject), new Set(['NodeResourcesFit']))
          const known = inFlight(one.reject)
          if (!known) continue
          known.failedAtMs = clock.monotonicMs()
          known.where = 'unschedulable'
          if (known.helped) backOff(known)
          else flushAtMs = Math.min(flushAtMs, clock.monotonicMs() + 30_000)
        } else if ('retry' in one) {
          queue.retry(uid(one.retry))
          const known = inFlight(one.retry)
          if (!known) continue
          known.failedAtMs = clock.monotonicMs()
          backOff(known)
        } else if ('done' in one) {
          if (!inFlight(one.done)) continue
          queue.done(uid(one.done))
          model.delete(one.done)
        } else if ('event' in one) {
          const helpful = one.event === 'helpful'
          queue.notify(helpful ? podFreed(pod('other')) : nodeRemoved(node('n')))
          for (const known of helpful ? model.values() : []) {
            if (known.where === 'in-flight') known.helped = true
            else if (known.where === 'unschedulable') backOff(known)
          }
        } else {
          pass(one.passMs)
        }
        const count = (where: Where) =>
          [...model.values()].filter(known => known.where === where).length
        expect(queue.lengths).toEqual({
          active: count('active'),
          backoff: count('backoff'),
          unschedulable: count('unschedulable'),
          gated: 0,
        })
      }
    }),
    { numRuns: 500 },
  )
})
