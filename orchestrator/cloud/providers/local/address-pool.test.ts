import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseAddress } from './address-pool.js'

describe('the address of a balancer', () => {
  const wish = { cidr: '10.9.0.0/29', current: '', asked: '', taken: new Set<string>() }
  test('is the lowest that is free', () => {
    expect(chooseAddress(wish)).toBe('10.9.0.1')
    const taken = new Set(['10.9.0.1', '10.9.0.2', '10.9.0.4'])
    expect(chooseAddress({ ...wish, taken })).toBe('10.9.0.3')
  })
  test('stays', () => {
    expect(chooseAddress({ ...wish, current: '10.9.0.5' })).toBe('10.9.0.5')
    expect(chooseAddress({ ...wish, current: '10.8.0.5' })).toBe('10.9.0.1')
  })
  test('is the one that is asked for, or none', () => {
    expect(chooseAddress({ ...wish, current: '10.9.0.5', asked: '10.9.0.6' })).toBe('10.9.0.6')
    const taken = new Set(['10.9.0.6'])
    expect(() => chooseAddress({ ...wish, asked: '10.9.0.6', taken })).toThrow('is taken')
    expect(() => chooseAddress({ ...wish, asked: '10.8.0.6' })).toThrow('not one of 10.9.0.0/29')
  })
  test('is nobody else’s, until there is none left', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 31 }), bits => {
        const cidr = `10.9.0.0/${bits}`
        const size = 2 ** (32 - bits)
        const room = size > 2 ? size - 2 : size
        const taken = new Set<string>()
        for (let at = 0; at < room; at += 1) taken.add(chooseAddress({ ...wish, cidr, taken }))
        expect(taken.size).toBe(room)
        expect(() => chooseAddress({ ...wish, cidr, taken })).toThrow('no address')
      }),
    )
  })
})
