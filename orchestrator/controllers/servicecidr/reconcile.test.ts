import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ObjectMeta } from '../../api/object.js'
import type { Condition } from '../../api/types/meta.js'
import type { IPAddress, ServiceCIDR } from '../../api/types/networking-address.js'
import { secondsAgo } from '../testing/objects.js'
import { planRange } from './reconcile.js'

const finalizer = 'networking.k8s.io/service-cidr-finalizer'
const now = secondsAgo(0)
const held = { finalizers: [finalizer] }
const going = { ...held, deletionTimestamp: secondsAgo(5) }

const condition = (status: string, reason = '', message = ''): Condition => ({
  type: 'Ready',
  status,
  reason,
  message,
  lastTransitionTime: secondsAgo(60),
})

function range(
  name: string,
  cidrs: readonly string[],
  metadata: Partial<ObjectMeta> = held,
  conditions: readonly Condition[] = [],
): ServiceCIDR {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name, ...metadata },
    spec: { cidrs },
    status: { conditions },
  }
}

function address(name: string, manager = 'ipallocator'): IPAddress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name, labels: { 'ipaddress.kubernetes.io/managed-by': manager } },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 's' } },
  }
}

const plan = (
  one: ServiceCIDR,
  others: readonly ServiceCIDR[] = [],
  addresses: readonly IPAddress[] = [],
) => planRange({ range: one, ranges: [one, ...others], addresses, now })

describe('a range that stays', () => {
  test('is held, then said to be ready, then left alone', () => {
    const fresh = range('a', ['10.0.0.0/24'], { finalizers: ['example.com/own'] })
    const first = plan(fresh)
    expect(first).toMatchObject({
      kind: 'update',
      range: { metadata: { finalizers: ['example.com/own', finalizer] } },
    })
    const second = plan(range('a', ['10.0.0.0/24']))
    expect(second).toMatchObject({ kind: 'status' })
    expect(second.kind === 'status' && second.range.status?.conditions).toEqual([
      {
        type: 'Ready',
        status: 'True',
        reason: '',
        message: 'Kubernetes Service CIDR is ready',
        lastTransitionTime: now,
      },
    ])
    const words = condition('True', '', 'Kubernetes default Service CIDR is ready')
    expect(plan(range('kubernetes', ['10.0.0.0/24'], held, [words]))).toEqual({ kind: 'none' })
  })

  test('says so again where somebody said otherwise, beside what others say', () => {
    const other: Condition = { ...condition('True', 'Fine'), type: 'example.com/Routed' }
    const lied = plan(range('a', ['10.0.0.0/24'], held, [condition('False', 'No'), other]))
    expect(lied).toMatchObject({
      kind: 'status',
      range: { status: { conditions: [other, { status: 'True', lastTransitionTime: now }] } },
    })
  })
})

describe('a range that was deleted', () => {
  const small = range('a', ['10.0.0.0/24'], going)
  const both = range('a', ['10.0.0.0/24', 'fd00::/112'], going)
  const free: readonly [string, ServiceCIDR, readonly ServiceCIDR[], readonly IPAddress[]][] = [
    ['nothing is in it', small, [], []],
    ['all addresses are of others', small, [], [address('10.0.1.1')]],
    ['users keep the addresses in it', small, [], [address('10.0.0.1', 'example.com')]],
    ['a larger one stays', small, [range('b', ['10.0.0.0/16'])], [address('10.0.0.1')]],
    ['the same one stays', small, [range('b', ['10.0.0.0/24'])], [address('10.0.0.1')]],
    [
      'others share its addresses between them',
      both,
      [range('b', ['10.0.0.0/28']), range('c', ['fd00::/120'])],
      [address('10.0.0.1'), address('fd00::7')],
    ],
  ]
  test.each(free)('goes where %s', (_, one, others, addresses) => {
    expect(plan(one, others, addresses)).toMatchObject({
      kind: 'update',
      range: { metadata: { finalizers: [] } },
    })
  })

  const needed: typeof free = [
    ['a Service has an address in it', small, [], [address('10.0.0.1')]],
    [
      'another one has only some of them',
      small,
      [range('b', ['10.0.0.0/28'])],
      [address('10.0.0.1'), address('10.0.0.77')],
    ],
    [
      'the other one goes as well',
      small,
      [range('b', ['10.0.0.0/16'], going)],
      [address('10.0.0.1')],
    ],
    ['its other family is in use', both, [range('b', ['10.0.0.0/16'])], [address('fd00::7')]],
  ]
  test.each(needed)('waits where %s', (_, one, others, addresses) => {
    expect(plan(one, others, addresses)).toMatchObject({
      kind: 'status',
      range: {
        metadata: { finalizers: [finalizer] },
        status: {
          conditions: [
            {
              type: 'Ready',
              status: 'False',
              reason: 'Terminating',
              message:
                'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
              lastTransitionTime: now,
            },
          ],
        },
      },
    })
  })

  test('is told once why it waits, and keeps what others hold it by', () => {
    const told = range('a', ['10.0.0.0/24'], going, [condition('False', 'Terminating')])
    expect(plan(told, [], [address('10.0.0.1')])).toEqual({ kind: 'none' })
    const metadata = { ...going, finalizers: ['example.com/own', finalizer] }
    expect(plan(range('a', ['10.0.0.0/24'], metadata))).toMatchObject({
      range: { metadata: { finalizers: ['example.com/own'] } },
    })
    const letGo = { ...going, finalizers: ['example.com/own'] }
    expect(plan(range('a', ['10.0.0.0/24'], letGo), [], [address('10.0.0.1')])).toEqual({
      kind: 'none',
    })
  })
})

test('in whatever order ranges go, no address is left without one that was in one', () => {
  const cidrs = fc.constantFrom('10.0.0.0/30', '10.0.0.0/29', '10.0.0.4/30', '10.0.0.0/28')
  const input = fc.record({
    cidrs: fc.array(cidrs, { minLength: 1, maxLength: 5 }),
    hosts: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    order: fc.array(fc.nat(4), { maxLength: 12 }),
  })
  fc.assert(
    fc.property(input, ({ cidrs: texts, hosts, order }) => {
      const addresses = hosts.map(host => address(`10.0.0.${host}`))
      let left = texts.map((text, index) => range(`r${index}`, [text]))
      // In the model every step either deletes a range or lets the controller look at it.
      for (const pick of order) {
        const one = left[pick % Math.max(1, left.length)]
        if (one === undefined) break
        if (one.metadata.deletionTimestamp === undefined) {
          left = left.map(other =>
            other === one ? { ...one, metadata: { ...one.metadata, ...going } } : other,
          )
          continue
        }
        const next = planRange({ range: one, ranges: left, addresses, now })
        if (next.kind === 'update') left = left.filter(other => other !== one)
      }
      // All of these lie in each of the ranges but that of .4.
      const homes = left.filter(({ spec }) => spec?.cidrs?.[0] !== '10.0.0.4/30')
      const had = texts.some(text => text !== '10.0.0.4/30')
      if (hosts.length > 0 && had) expect(homes.length).toBeGreaterThan(0)
    }),
  )
})
