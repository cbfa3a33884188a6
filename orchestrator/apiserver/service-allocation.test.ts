import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../api/object.js'
import { fieldAt, textAt } from './object-fields.js'
import { addressKey } from './service-address.js'
import { claimErrors, heldKeys, planAllocation } from './service-allocation.js'
import { parseCidr } from './service-ranges.js'
import { objectOf } from './testing/objects.js'

const rangeAt = (text: string, key = 'default', skipped = 2) => ({
  cidr: parseCidr(text),
  key,
  revision: 7,
  skipped,
})
/** Always the first of what there is to choose from. */
const random = {
  next: () => 0,
  integer: () => 0,
  bytes: (length: number) => new Uint8Array(length),
}
const service = (spec: JsonObject) => objectOf('Service', { name: 's' }, { spec })
const ranges = [rangeAt('10.96.0.0/16'), rangeAt('10.97.0.0/29', 'more', 1)]
const inputs = { ranges, random, taken: new Set<string>() }

function planned(spec: JsonObject, old: JsonObject | null = null, taken: string[] = []) {
  const result = planAllocation(service(spec), old === null ? null : service(old), {
    ...inputs,
    taken: new Set(taken),
  })
  if (result.kind === 'invalid') throw new Error(result.errors.map(e => e.message).join())
  return result.plan
}

describe('cluster IPs', () => {
  test('are picked from the range, never network, broadcast or the first', () => {
    const small = [rangeAt('10.0.0.0/29'), rangeAt('10.0.1.0/30', 'more', 1)]
    const taken = new Set<string>()
    const got: string[] = []
    for (;;) {
      const result = planAllocation(service({}), null, { ranges: small, random, taken })
      if (result.kind === 'invalid') break
      for (const key of result.plan.claims) taken.add(key)
      got.push(textAt(result.plan.object, 'spec.clusterIP'))
    }
    expect(got).toEqual([
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
      '10.0.1.1',
      '10.0.1.2',
    ])
  })

  test('headless and external ones hold nothing', () => {
    expect(planned({ clusterIP: 'None' }).claims).toEqual([])
    expect(planned({ type: 'ExternalName', externalName: 'x.y' }).claims).toEqual([])
  })

  test('are kept over updates that do not name them, and given back with the type', () => {
    const old = { type: 'ClusterIP', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] }
    const kept = planned({ type: 'ClusterIP' }, old)
    expect(fieldAt(kept.object, 'spec.clusterIP')).toBe('10.96.0.7')
    expect([kept.claims, kept.releases]).toEqual([[], []])
    const external = planned({ type: 'ExternalName', externalName: 'x.y' }, old)
    expect(external.releases).toEqual(['/registry/networking.k8s.io/ipaddresses/10.96.0.7'])
  })

  test('asked for by name are refused outside of the range, and when somebody has them', () => {
    expect(() => planned({ clusterIP: '10.98.0.1' })).toThrow(
      'the provided IP (10.98.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16,10.97.0.0/29',
    )
    const plan = planned({ clusterIP: '10.96.0.9' })
    expect(claimErrors(plan, plan.claims)[0]?.message).toBe(
      'Invalid value: ["10.96.0.9"]: failed to allocate IP 10.96.0.9: provided IP is already allocated',
    )
    expect(claimErrors(planned({}), ['/registry/networking.k8s.io/ipaddresses/10.96.0.2'])).toEqual(
      [],
    )
  })
})

test('an address of a sort that the cluster does not have is refused', () => {
  expect(() => planned({ ipFamilies: ['IPv6'] })).toThrow('not configured on this cluster')
  expect(() => planned({ ipFamilyPolicy: 'RequireDualStack' })).toThrow(
    'this cluster is not configured for dual-stack services',
  )
  const preferred = planned({ ipFamilyPolicy: 'PreferDualStack' })
  expect(fieldAt(preferred.object, 'spec.ipFamilies')).toEqual(['IPv4'])
})

describe('what a claim rests on', () => {
  test('is the range of the address, and of a port nothing', () => {
    const plan = planned({
      type: 'NodePort',
      clusterIP: '10.97.0.1',
      ports: [{ port: 80, nodePort: 30_080 }],
    })
    expect(plan.bases).toEqual(new Map([['more', 7]]))
    expect(planned({}).bases).toEqual(new Map([['default', 7]]))
  })

  test('is nothing where nothing new is taken', () => {
    const old = { clusterIP: '10.98.0.1', clusterIPs: ['10.98.0.1'] }
    expect(planned({}, old)).toMatchObject({ claims: [], bases: new Map() })
    expect(planned({ clusterIP: 'None' }).bases).toEqual(new Map())
  })
})

test('an address is taken by the Service that has it, even where its key was deleted by hand', () => {
  expect(() => planned({ clusterIP: '10.96.0.9' }, null, [addressKey('10.96.0.9')])).toThrow(
    'failed to allocate IP 10.96.0.9: provided IP is already allocated',
  )
})

test('without a range nothing is given out', () => {
  const result = planAllocation(service({}), null, { ...inputs, ranges: [] })
  expect(result).toMatchObject({
    errors: [{ message: 'Invalid value: []: failed to allocate a serviceIP: range is full' }],
  })
})

describe('node ports', () => {
  const two = [{ port: 80 }, { port: 443 }]

  test('are picked for each port of the types that need them', () => {
    const plan = planned({ type: 'NodePort', ports: two })
    expect(fieldAt(plan.object, 'spec.ports')).toEqual([
      { port: 80, nodePort: 30000 },
      { port: 443, nodePort: 30001 },
    ])
    expect(plan.claims.slice(1)).toEqual([
      '/allocations/nodeport/30000',
      '/allocations/nodeport/30001',
    ])
    expect(heldKeys(planned({ type: 'ClusterIP', ports: two }).object)).toHaveLength(1)
  })

  test('stay with their port over updates, and go with the type', () => {
    const old = {
      type: 'NodePort',
      clusterIP: '10.96.0.2',
      ports: [{ port: 443, nodePort: 30444 }],
    }
    const more = planned({ type: 'NodePort', ports: two }, old)
    expect(fieldAt(more.object, 'spec.ports')).toEqual([
      { port: 80, nodePort: 30000 },
      { port: 443, nodePort: 30444 },
    ])
    expect(more.claims).toEqual(['/allocations/nodeport/30000'])
    const less = planned({ type: 'ClusterIP', ports: [{ port: 443, nodePort: 30444 }] }, old)
    expect(less.releases).toEqual(['/allocations/nodeport/30444'])
  })

  test('asked for by name are refused outside of the range', () => {
    const ports = [{ port: 80, nodePort: 80 }]
    expect(() => planned({ type: 'NodePort', ports })).toThrow(
      'Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    )
  })
})
