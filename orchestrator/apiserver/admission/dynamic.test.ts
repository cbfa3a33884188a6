import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.js'
import { kindOf, objectOf } from '../testing/objects.js'
import { mutateInTurn, validateInTurn } from './dynamic.js'
import type { AdmissionPlugin, DynamicRequest } from './dynamic.js'

const request: DynamicRequest = {
  kind: kindOf('configmaps'),
  requestKind: kindOf('configmaps'),
  body: null,
  subresource: '',
  operation: 'create',
  namespace: 'a',
  name: 'c',
  object: objectOf('ConfigMap', { name: 'c' }),
  old: null,
  user: { name: 'u', uid: '', groups: [], extra: {} },
  options: null,
  dryRun: false,
}

const labelled = (object: KubeObject | null, name: string): KubeObject => {
  const { metadata } = object ?? objectOf('ConfigMap', {})
  const labels = { ...metadata.labels, [name]: String(Object.keys(metadata.labels ?? {}).length) }
  return { ...objectOf('ConfigMap', {}), metadata: { ...metadata, labels } }
}

/** Labels what it sees with its name; asks for a second turn in those named. */
function plugin(name: string, againInTurns: readonly number[] = []) {
  const seen: { readonly turn: number; readonly labels: readonly string[] }[] = []
  const self: AdmissionPlugin = {
    name,
    concerns: () => true,
    mutate: ({ object }, memory) => {
      const turn = (typeof memory === 'number' ? memory : 0) + 1
      seen.push({ turn, labels: Object.keys(object?.metadata.labels ?? {}) })
      return Promise.resolve({
        object: labelled(object, `${name}${turn}`),
        warnings: [`${name} in turn ${turn}`],
        again: againInTurns.includes(turn),
        memory: turn,
      })
    },
    validate: ({ object }) =>
      Promise.resolve([`${name} sees ${Object.keys(object?.metadata.labels ?? {}).join()}`]),
  }
  return { self, seen }
}

describe('the chain', () => {
  test('mutates in order, each seeing what those before have made of the object', async () => {
    const [a, b] = [plugin('a'), plugin('b')]
    const result = await mutateInTurn([a.self, b.self], request, ({ object }) =>
      labelled(object, 'in'),
    )
    expect(result.object?.metadata.labels).toEqual({ in: '0', a1: '1', b1: '2' })
    expect(result.warnings).toEqual(['a in turn 1', 'b in turn 1'])
    expect(b.seen).toEqual([{ turn: 1, labels: ['in', 'a1'] }])
  })

  test.each([
    ['the last', [], [1], 2],
    ['the first', [1], [], 2],
    ['nobody', [], [], 1],
    ['somebody for ever', [], [1, 2, 3], 2],
  ])('takes another turn where %s asks for it, and never a third', async (_, ofA, ofB, turns) => {
    const [a, b] = [plugin('a', ofA), plugin('b', ofB)]
    let builtIn = 0
    await mutateInTurn([a.self, b.self], request, ({ object }) => {
      builtIn++
      return object
    })
    expect([a.seen.length, b.seen.length, builtIn]).toEqual([turns, turns, turns])
  })

  test('validates in order and gathers warnings', async () => {
    const object = labelled(null, 'x')
    const warnings = await validateInTurn([plugin('a').self, plugin('b').self], {
      ...request,
      object,
    })
    expect(warnings).toEqual(['a sees x', 'b sees x'])
  })

  test('ends where somebody refuses', async () => {
    const b = plugin('b')
    const refusing: AdmissionPlugin = {
      name: 'no',
      concerns: () => true,
      mutate: () => Promise.reject(new Error('no')),
    }
    await expect(mutateInTurn([refusing, b.self], request, r => r.object)).rejects.toThrow('no')
    expect(b.seen).toEqual([])
  })
})
