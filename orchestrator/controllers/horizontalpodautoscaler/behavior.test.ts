import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HPAScalingPolicy, HPAScalingRules } from '../../api/types/autoscaling-v2.js'
import {
  type BehaviorInput,
  type History,
  limitReplicas,
  noHistory,
  withChange,
} from './behavior.js'

const nowMs = 10_000_000
const ago = (seconds: number) => nowMs - seconds * 1000

const input = (changes: Partial<BehaviorInput>): BehaviorInput => ({
  behavior: undefined,
  history: noHistory,
  current: 10,
  desired: 10,
  min: 1,
  max: 100,
  nowMs,
  ...changes,
})

const asked = (...moments: readonly [agoSeconds: number, replicas: number][]): History => ({
  ...noHistory,
  recommendations: moments.map(([seconds, replicas]) => ({ atMs: ago(seconds), replicas })),
})

const outcome = (changes: Partial<BehaviorInput>) => {
  const { replicas, stabilized, limit } = limitReplicas(input(changes))
  return [replicas, stabilized?.reason ?? null, limit.reason]
}

describe('without a behaviour', () => {
  test.each<[string, Partial<BehaviorInput>, readonly [number, string | null, string]]>([
    ['what is asked for', { desired: 15 }, [15, null, 'DesiredWithinRange']],
    ['at most twice as many', { desired: 25 }, [20, null, 'ScaleUpLimit']],
    ['or four', { current: 1, desired: 9 }, [4, null, 'ScaleUpLimit']],
    ['at most the maximum', { desired: 25, max: 12 }, [12, null, 'TooManyReplicas']],
    [
      'at least the minimum',
      { desired: 1, min: 3, history: asked([600, 1]) },
      [3, null, 'TooFewReplicas'],
    ],
    [
      'down at once where nothing else was asked for',
      { desired: 4, history: asked([600, 12]) },
      [4, null, 'DesiredWithinRange'],
    ],
    [
      'not down while more was asked for lately',
      { desired: 4, history: asked([200, 8], [100, 6]) },
      [8, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
    [
      'not above what there is for what was asked for lately',
      { desired: 4, history: asked([200, 30]) },
      [10, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
    [
      'what there is when it begins counts as asked for',
      { desired: 4 },
      [10, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
  ])('%s', (_, changes, expected) => {
    expect(outcome(changes)).toEqual(expected)
  })
})

const rules = (...policies: readonly HPAScalingPolicy[]): HPAScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies,
})
const pods = (value: number, periodSeconds = 60) => ({ type: 'Pods', value, periodSeconds })
const percent = (value: number, periodSeconds = 60) => ({ type: 'Percent', value, periodSeconds })
const free = rules(percent(100, 15))

describe('with a behaviour', () => {
  const two = [pods(4), percent(50)] as const
  test.each<[string, Partial<BehaviorInput>, readonly [number, string | null, string]]>([
    [
      'the policy that lets most pass counts',
      { desired: 50, behavior: { scaleUp: rules(...two), scaleDown: free } },
      [15, null, 'ScaleUpLimit'],
    ],
    [
      'or the one that lets least pass',
      {
        desired: 50,
        behavior: { scaleUp: { ...rules(...two), selectPolicy: 'Min' }, scaleDown: free },
      },
      [14, null, 'ScaleUpLimit'],
    ],
    [
      'down: the policy that lets most pass',
      { desired: 1, history: asked([9, 1]), behavior: { scaleUp: free, scaleDown: rules(...two) } },
      [5, null, 'ScaleDownLimit'],
    ],
    [
      'down: or the one that lets least pass',
      {
        desired: 1,
        history: asked([9, 1]),
        behavior: { scaleUp: free, scaleDown: { ...rules(...two), selectPolicy: 'Min' } },
      },
      [6, null, 'ScaleDownLimit'],
    ],
    [
      'nothing passes where it is disabled',
      {
        desired: 50,
        behavior: { scaleUp: { ...free, selectPolicy: 'Disabled' }, scaleDown: free },
      },
      [10, null, 'ScaleUpLimit'],
    ],
    [
      'a part of few is one more at least',
      { current: 1, desired: 5, behavior: { scaleUp: rules(percent(10)), scaleDown: free } },
      [2, null, 'ScaleUpLimit'],
    ],
    [
      'and no more than it says',
      { desired: 50, behavior: { scaleUp: rules(percent(10)), scaleDown: free } },
      [11, null, 'ScaleUpLimit'],
    ],
    [
      'what has been added in the time counts',
      {
        desired: 50,
        history: withChange(noHistory, 7, 10, ago(30)),
        behavior: { scaleUp: rules(pods(4)), scaleDown: free },
      },
      [11, null, 'ScaleUpLimit'],
    ],
    [
      'what was added before it does not',
      {
        desired: 50,
        history: withChange(noHistory, 7, 10, ago(90)),
        behavior: { scaleUp: rules(pods(4)), scaleDown: free },
      },
      [14, null, 'ScaleUpLimit'],
    ],
    [
      'a limit that was made smaller takes nothing away',
      {
        desired: 50,
        history: withChange(noHistory, 2, 10, ago(30)),
        behavior: { scaleUp: rules(pods(4)), scaleDown: free },
      },
      [10, null, 'ScaleUpLimit'],
    ],
    [
      'a window for more takes the lowest of it',
      {
        desired: 20,
        history: asked([90, 11], [30, 14], [10, 18]),
        behavior: { scaleUp: { ...free, stabilizationWindowSeconds: 60 }, scaleDown: free },
      },
      [14, 'ScaleUpStabilized', 'DesiredWithinRange'],
    ],
    [
      'a window for less takes the highest of it',
      {
        desired: 2,
        history: asked([90, 9], [30, 6], [10, 3]),
        behavior: { scaleUp: free, scaleDown: { ...free, stabilizationWindowSeconds: 60 } },
      },
      [6, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
    [
      'five minutes where it does not say',
      {
        desired: 2,
        history: asked([299, 7]),
        behavior: { scaleUp: free, scaleDown: { policies: [percent(100)] } },
      },
      [7, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ],
  ])('%s', (_, changes, expected) => {
    expect(outcome(changes)).toEqual(expected)
  })
})

const policy = fc.record({
  type: fc.constantFrom('Pods', 'Percent'),
  value: fc.integer({ min: 1, max: 150 }),
  periodSeconds: fc.integer({ min: 1, max: 120 }),
})
const anyRules = fc.record({
  stabilizationWindowSeconds: fc.integer({ min: 0, max: 120 }),
  selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
  policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
})

/** All that ever happened, looked at anew for each question: nothing is thrown away and nothing is clever. */
class Diary {
  readonly asked: { readonly second: number; readonly replicas: number }[] = []
  readonly counts: number[] = []
  readonly up: HPAScalingRules
  readonly down: HPAScalingRules

  constructor(up: HPAScalingRules, down: HPAScalingRules) {
    this.up = up
    this.down = down
  }

  /** Of each second that lies within so many before this one, the one itself left out. */
  private wishes(second: number, window: number | undefined): readonly number[] {
    return this.asked.filter(one => one.second > second - (window ?? 0)).map(one => one.replicas)
  }

  private before(second: number, period: number, current: number): number {
    const at = second - period
    return at < 0 ? (this.counts[0] ?? current) : (this.counts[at] ?? current)
  }

  next(second: number, current: number, desired: number, min: number, max: number): number {
    if (this.asked.length === 0) this.asked.push({ second, replicas: current })
    const lowest = Math.min(desired, ...this.wishes(second, this.up.stabilizationWindowSeconds))
    const highest = Math.max(desired, ...this.wishes(second, this.down.stabilizationWindowSeconds))
    const stable = current < lowest ? lowest : current > highest ? highest : current
    this.asked.push({ second, replicas: desired })
    if (stable > current) {
      const limits = (this.up.policies ?? []).map(({ type, value, periodSeconds }) => {
        const start = this.before(second, periodSeconds, current)
        return type === 'Pods' ? start + value : Math.ceil((start * (100 + value)) / 100)
      })
      return Math.min(stable, max, Math.max(current, chosen(limits, this.up, current, 'most')))
    }
    if (stable < current) {
      const limits = (this.down.policies ?? []).map(({ type, value, periodSeconds }) => {
        const start = this.before(second, periodSeconds, current)
        return type === 'Pods' ? start - value : Math.trunc((start * (100 - value)) / 100)
      })
      return Math.max(stable, min, Math.min(current, chosen(limits, this.down, current, 'least')))
    }
    return stable
  }
}

function chosen(
  limits: readonly number[],
  { selectPolicy }: HPAScalingRules,
  current: number,
  wide: 'most' | 'least',
): number {
  if (selectPolicy === 'Disabled') return current
  const sorted = [...limits].sort((a, b) => a - b)
  const largest = (selectPolicy === 'Max') === (wide === 'most')
  return (largest ? sorted.at(-1) : sorted[0]) ?? current
}

test('windows and limits are those of a diary that forgets nothing', () => {
  const steps = fc.array(
    fc.record({ wait: fc.integer({ min: 1, max: 40 }), desired: fc.integer({ min: 0, max: 60 }) }),
    { minLength: 1, maxLength: 60 },
  )
  fc.assert(
    fc.property(
      anyRules,
      anyRules,
      steps,
      fc.integer({ min: 1, max: 40 }),
      (scaleUp, scaleDown, moves, first) => {
        const diary = new Diary(scaleUp, scaleDown)
        const [min, max] = [1, 40]
        let history = noHistory
        let second = 0
        let current = first
        for (const { wait, desired } of moves) {
          // Until then it was as it is.
          for (let at = 0; at < wait; at++) diary.counts[second + at] = current
          second += wait
          const behavior = { scaleUp, scaleDown }
          const now = second * 1000
          const made = limitReplicas({ behavior, history, current, desired, min, max, nowMs: now })
          expect(made.replicas).toBe(diary.next(second, current, desired, min, max))
          history = withChange(made.history, current, made.replicas, now)
          current = made.replicas
          expect(history.recommendations.length).toBeLessThanOrEqual(122)
        }
      },
    ),
    { numRuns: 500 },
  )
})
