import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NftChain, NftSet, NftTable } from './table.js'
import { KernelModel } from './testing/kernel-model.js'
import { removal, transaction } from './transaction.js'

type Elements = Readonly<Record<string, string>>

const tableOf = (
  chains: Readonly<Record<string, readonly string[]>>,
  maps: Readonly<Record<string, Elements>> = {},
): NftTable => ({
  family: 'ip',
  name: 't',
  chains: new Map(
    Object.entries(chains).map(([name, rules]): [string, NftChain] => [
      name,
      { base: null, rules },
    ]),
  ),
  sets: new Map(
    Object.entries(maps).map(([name, elements]): [string, NftSet] => [
      name,
      {
        kind: 'map',
        declaration: 'type ipv4_addr : verdict;',
        elements: new Map(Object.entries(elements)),
      },
    ]),
  ),
})

/** Without comments, which are marks. */
const commands = (before: NftTable | null, after: NftTable): readonly string[] =>
  (transaction(before, after) ?? '')
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.replace(/ comment "\w+"$/, ''))

describe('a transaction', () => {
  const web = tableOf({ a: ['x', 'y'] }, { m: { '10.0.0.1': 'goto a', '10.0.0.2': 'drop' } })

  it('is none where nothing differs', () => {
    expect(
      transaction(
        web,
        tableOf({ a: ['x', 'y'] }, { m: { '10.0.0.1': 'goto a', '10.0.0.2': 'drop' } }),
      ),
    ).toBeNull()
  })

  it('takes away whatever is there where that is not known', () => {
    expect(commands(null, web)).toEqual([
      'add table ip t',
      'delete table ip t',
      'add table ip t',
      'add chain ip t a',
      'add map ip t m { type ipv4_addr : verdict; }',
      'add rule ip t a x',
      'add rule ip t a y',
      'add element ip t m { 10.0.0.1 : goto a, 10.0.0.2 : drop }',
    ])
  })

  it('sends the elements that differ, and those alone', () => {
    const after = tableOf({ a: ['x', 'y'] }, { m: { '10.0.0.2': 'goto a', '10.0.0.3': 'drop' } })
    expect(commands(web, after)).toEqual([
      'delete element ip t m { 10.0.0.1, 10.0.0.2 }',
      'add element ip t m { 10.0.0.2 : goto a, 10.0.0.3 : drop }',
    ])
  })

  it('refills the chain that differs', () => {
    const after = tableOf({ a: ['x'] }, { m: { '10.0.0.1': 'goto a', '10.0.0.2': 'drop' } })
    expect(commands(web, after)).toEqual(['flush chain ip t a', 'add rule ip t a x'])
  })

  it('declares what is mentioned before, and deletes what was mentioned after', () => {
    const after = tableOf({ b: ['goto c'], c: ['z'] }, { m: { '10.0.0.1': 'goto b' } })
    expect(commands(web, after)).toEqual([
      'add chain ip t b',
      'add chain ip t c',
      'add rule ip t b goto c',
      'add rule ip t c z',
      'flush chain ip t a',
      'delete element ip t m { 10.0.0.1, 10.0.0.2 }',
      'add element ip t m { 10.0.0.1 : goto b }',
      'delete chain ip t a',
    ])
  })

  it('begins anew where a hook or a type is another one, which the kernel cannot change', () => {
    const hooked: NftTable = {
      ...web,
      chains: new Map([['a', { base: 'type nat hook output priority 0;', rules: ['x', 'y'] }]]),
    }
    expect(commands(web, hooked).slice(0, 2)).toEqual(['add table ip t', 'delete table ip t'])
  })

  it('leaves alone what the kernel fills', () => {
    const filled = (elements: NftSet['elements']): NftTable => ({
      ...web,
      sets: new Map([['s', { kind: 'set', declaration: 'type ipv4_addr;', elements }]]),
    })
    expect(transaction(filled(null), filled(null))).toBeNull()
  })

  it('of a removal works whether the table is there or not', () => {
    const kernel = new KernelModel()
    kernel.run(removal(web))
    kernel.run(transaction(null, web) ?? '')
    kernel.run(removal(web))
    expect(kernel.contents).toBe('none')
  })

  // Chains c0 to c5, each of which may lead to later ones, and a map that leads to any.
  const anyTable = fc
    .tuple(
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(7), fc.nat(5)), { maxLength: 8 }),
      fc.boolean(),
    )
    .map(([present, jumps, entries, withMap]) => {
      const name = (index: number): string => `c${index}`
      const chains = Object.fromEntries(
        present.flatMap((there, index) => {
          if (!there) return []
          const rules = jumps
            .filter(([from, to]) => from === index && to > from && present[to] === true)
            .map(([, to]) => `jump ${name(to)}`)
          return [[name(index), ['counter', ...rules]]]
        }),
      ) as Record<string, string[]>
      const elements = Object.fromEntries(
        entries
          .filter(([, to]) => present[to] === true)
          .map(([key, to]) => [`10.0.0.${key}`, `goto ${name(to)}`]),
      )
      return tableOf(chains, withMap ? { m: elements } : {})
    })

  it('leads from any table to any other, by steps that the kernel allows', () => {
    fc.assert(
      fc.property(fc.array(anyTable, { minLength: 2, maxLength: 6 }), tables => {
        const kernel = new KernelModel()
        let known: NftTable | null = null
        for (const table of tables) {
          const next = transaction(known, table)
          if (next !== null) kernel.run(next)
          known = table
          const fresh = new KernelModel()
          fresh.run(transaction(null, table) ?? '')
          expect(kernel.contents).toBe(fresh.contents)
        }
      }),
      { numRuns: 500 },
    )
  })
})
