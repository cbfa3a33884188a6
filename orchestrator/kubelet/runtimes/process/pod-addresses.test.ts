import { describe, expect, it } from 'vitest'
import { PodAddresses } from './pod-addresses.js'

describe('the addresses of a node', () => {
  it('are handed out one after the other, and again only after all others', () => {
    const addresses = new PodAddresses('127.64.3.0/29')
    const all = Array.from({ length: 5 }, () => addresses.allocate())
    expect(all).toEqual([2, 3, 4, 5, 6].map(last => `127.64.3.${last}`))
    addresses.release('127.64.3.3')
    addresses.release('127.64.3.5')
    expect(addresses.allocate()).toBe('127.64.3.3')
    addresses.release('127.64.3.3')
    expect(addresses.allocate()).toBe('127.64.3.5')
  })

  it('run out with a sentence', () => {
    const addresses = new PodAddresses('127.64.3.0/29')
    for (let count = 0; count < 5; count += 1) addresses.allocate()
    expect(() => addresses.allocate()).toThrow('all 5 pod addresses of this node are taken')
  })

  it('are not given twice when one was kept from before', () => {
    const addresses = new PodAddresses('127.64.3.0/24')
    expect(addresses.take('127.64.3.2')).toBe(true)
    expect(addresses.take('127.64.3.2')).toBe(false)
    expect(addresses.allocate()).toBe('127.64.3.3')
  })

  it.each(['127.64.4.2', '127.64.3.0', '127.64.3.1', '127.64.3.255', 'nonsense'])(
    'do not hold %s',
    address => {
      expect(new PodAddresses('127.64.3.0/24').take(address)).toBe(false)
    },
  )

  it.each(['127.64.3.0', '127.64.3.0/33', '300.1.1.0/24', '::1/64', ''])(
    'need a CIDR, not %j',
    cidr => {
      expect(() => new PodAddresses(cidr)).toThrow('is no IPv4 pod CIDR')
    },
  )
})
