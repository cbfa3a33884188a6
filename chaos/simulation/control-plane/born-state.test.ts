import { describe, expect, it } from 'vitest'
import { makeBornState } from './born-state.js'

const decoder = new TextDecoder()

describe('the state that clusters are born with', async () => {
  const { meta, rows } = await makeBornState()
  const keys = rows.map(({ kv }) => decoder.decode(kv.key))

  it('has what first API servers and controllers write', () => {
    for (const key of [
      'core/namespaces/kube-system',
      'core/serviceaccounts/default/default',
      'rbac.authorization.k8s.io/clusterroles/cluster-admin',
      'flowcontrol.apiserver.k8s.io/flowschemas/catch-all',
      'core/services/default/kubernetes',
    ])
      expect(keys).toContain(`/registry/${key}`)
  })

  it('has nothing of those who wrote it: no leases, no addresses, no events', () => {
    const passing = /^\/registry\/[^/]+\/(leases|events|endpoints|endpointslices)\//
    expect(keys.filter(key => passing.test(key))).toEqual([])
    expect(rows.every(({ kv }) => kv.lease === 0)).toBe(true)
  })

  it('is one that no entry has led to: each key once, in order, before the first index', () => {
    expect(meta).toMatchObject({ appliedIndex: 0, appliedTerm: 0, lastOrdinal: rows.length })
    expect(new Set(keys).size).toBe(keys.length)
    expect(rows.map(({ kv }) => kv.version)).toEqual(keys.map(() => 1))
    expect(rows.at(-1)?.kv.modRevision).toBe(meta.revision)
  })

  it('is the same, byte for byte, whenever it is made', async () => {
    const again = await makeBornState()
    expect(again.meta).toEqual(meta)
    const told = (of: typeof rows) =>
      of.map(({ kv }) => `${kv.modRevision} ${decoder.decode(kv.key)} ${decoder.decode(kv.value)}`)
    expect(told(again.rows)).toEqual(told(rows))
  })
})
