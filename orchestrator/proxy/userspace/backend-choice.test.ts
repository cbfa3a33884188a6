import { describe, expect, it } from 'vitest'
import { BackendChoice } from './backend-choice.js'

const backends = ['a', 'b', 'c'].map(address => ({ address, port: 80 }))

const order = (choice: BackendChoice, client: string, nowMs = 0): string =>
  choice
    .order(client, nowMs)
    .map(({ address }) => address)
    .join('')

describe('the choice of a backend', () => {
  it('goes round, and names the others as second choices', () => {
    const choice = new BackendChoice(backends, null, 0)
    const rounds = [1, 2, 3, 4].map(() => order(choice, 'x'))
    expect(rounds).toEqual(['abc', 'bca', 'cab', 'abc'])
  })

  it('begins where it is told', () => {
    expect(order(new BackendChoice(backends, null, 5), 'x')).toBe('cab')
  })

  it('is none where there are none', () => {
    expect(order(new BackendChoice([], null, 0), 'x')).toBe('')
  })

  it('stays with the backend of a client while its affinity lasts', () => {
    const choice = new BackendChoice(backends, 1000, 0)
    const [first] = choice.order('x', 0)
    choice.connected('x', first ?? { address: '', port: 0 }, 0)
    expect(order(choice, 'x', 999)).toBe('abc')
    expect(order(choice, 'y', 999)).toBe('bca')
    expect(order(choice, 'x', 999)).toBe('abc')
    expect(order(choice, 'x', 1001)).toBe('cab')
  })

  it('leaves a backend that is gone', () => {
    const choice = new BackendChoice(backends, 1000, 0)
    choice.connected('x', { address: 'b', port: 80 }, 0)
    expect(order(choice, 'x', 1)).toBe('bca')
    choice.update(backends.slice(0, 1), 1000)
    expect(order(choice, 'x', 1)).toBe('a')
  })

  it('remembers a limited number of clients', () => {
    const choice = new BackendChoice(backends, 1000, 0)
    for (let client = 0; client < 10_001; client += 1) {
      choice.connected(String(client), { address: 'c', port: 80 }, 0)
    }
    expect(order(choice, '10000', 1)).toBe('cab')
    expect(order(choice, '0', 1)).toBe('abc')
  })
})
