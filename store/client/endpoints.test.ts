// Which members a client tries when some of them are silent: their connections end only when their time
// for a handshake is over, as those to machines without power do.

import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { Address, Link, Network } from '../../platform/network.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { StoreClient } from './store-client.js'

function triedBy(endpoints: readonly Address[], preferFirst: boolean): readonly Address[] {
  const clock = new VirtualClock()
  const tried: Address[] = []
  const network: Network = {
    listen: () => {},
    connect: ({ address, handshakeMsMax }, { onClose }) => {
      tried.push(address)
      const link: Link = {
        remote: address,
        peerName: null,
        bufferedBytes: 0,
        open: false,
        send: () => {},
        close: () => {},
      }
      clock.setTimer(handshakeMsMax, () => onClose(link, 'handshake timed out'))
      return link
    },
  }
  const client = new StoreClient({
    endpoints,
    preferFirst,
    tls: null,
    clock,
    random: seededRandom(7),
    network,
    logger: silentLogger,
  })
  clock.advance(60_000)
  client.close()
  return tried
}

describe('a client without a connection', () => {
  it.each([true, false])(
    'tries every member, however many are silent (prefer first: %s)',
    first => {
      const endpoints = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1']
      const tried = triedBy(endpoints, first)
      // None is tried much more often than another: whoever answers first is found.
      for (const endpoint of endpoints) {
        const times = tried.filter(address => address === endpoint).length
        expect(times, endpoint).toBeGreaterThanOrEqual(Math.floor(tried.length / 5) - 1)
      }
    },
  )

  it('begins with the first that it is given, if that is preferred', () => {
    expect(triedBy(['a:1', 'b:1', 'c:1'], true)[0]).toBe('a:1')
  })
})
