import { expect, test } from 'vitest'
import { EventCorrelator } from './event-correlator.js'

const web = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u1' }
const observed = (message: string, about = web) =>
  ({ about, type: 'Normal', reason: 'Pulled', message }) as const

test('the same event about the same object has the same key, any other has another', () => {
  const correlator = new EventCorrelator()
  const key = (event: Parameters<EventCorrelator['correlate']>[0]) =>
    correlator.correlate(event, 0)?.key
  const first = key(observed('a'))
  expect(key(observed('a'))).toBe(first)
  const others = [
    observed('b'),
    observed('a', { ...web, uid: 'u2' }),
    { ...observed('a'), about: { ...web, fieldPath: 'spec.containers{main}' } },
    { ...observed('a'), reason: 'Created' },
    { ...observed('a'), type: 'Warning' as const },
  ]
  expect(new Set([first, ...others.map(key)]).size).toBe(1 + others.length)
})

test('from the tenth message on events of a kind are one, with the newest message', () => {
  const correlator = new EventCorrelator()
  const said = Array.from({ length: 12 }, (_, n) => correlator.correlate(observed(`pod ${n}`), n))
  expect(said.map(one => one?.message)).toEqual([
    ...Array.from({ length: 9 }, (_, n) => `pod ${n}`),
    '(combined from similar events): pod 9',
    '(combined from similar events): pod 10',
    '(combined from similar events): pod 11',
  ])
  expect(new Set(said.map(one => one?.key)).size).toBe(10)
  // One of before is still itself.
  expect(correlator.correlate(observed('pod 3'), 20)?.key).toBe(said[3]?.key)
  // After ten minutes of silence each is told of again.
  expect(correlator.correlate(observed('pod 12'), 600_021)?.message).toBe('pod 12')
})

test('an object that talks too much is cut off, and heard again after a while', () => {
  const correlator = new EventCorrelator()
  const heard = (n: number, nowMs: number) => correlator.correlate(observed(`${n}`), nowMs) !== null
  expect(Array.from({ length: 60 }, (_, n) => heard(n, 10)).filter(Boolean)).toHaveLength(25)
  expect(correlator.correlate(observed('a', { ...web, uid: 'u2' }), 10)).not.toBeNull()
  expect(heard(1, 300_000)).toBe(false)
  expect(heard(1, 300_010)).toBe(true)
  expect(heard(2, 300_010)).toBe(false)
})

test('a message is cut at 1,024 characters', () => {
  const said = new EventCorrelator().correlate(observed('x'.repeat(3000)), 0)
  expect(said?.message).toHaveLength(1024)
})
