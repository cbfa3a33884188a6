import { describe, expect, it } from 'vitest'
import { servicePorts, slicesByService } from '../service-ports.js'
import { endpointOf, serviceOf, sliceOf } from '../testing/objects.js'
import { concernsUdp, parseFlow, type Plans, staleFlows } from './stale-flows.js'

const place = { nodeName: 'node-1', zone: null }

function plansOf(addresses: readonly string[], protocol = 'UDP'): Plans {
  const ports = [{ port: 53, nodePort: 30_053, protocol }]
  const service = serviceOf('dns', { clusterIP: '10.96.0.10', type: 'NodePort', ports })
  const slice = sliceOf(
    'dns',
    addresses.map(address => endpointOf(address)),
    { ports: [{ port: 5353, protocol }] },
  )
  const slices = slicesByService([slice]).get('default/dns') ?? []
  return new Map([['default/dns', servicePorts(service, slices, 'IPv4', place)]])
}

/** As conntrack says it: from 10.0.0.7 to `destination`, answered by `answerer`. */
const line = (destination: string, port: number, answerer: string, answererPort: number): string =>
  `udp      17 29 src=10.0.0.7 dst=${destination} sport=4000 dport=${port} [UNREPLIED] ` +
  `src=${answerer} dst=10.0.0.7 sport=${answererPort} dport=4000 mark=0 use=1`

describe('a flow', () => {
  it('is read from a line of conntrack', () => {
    expect(parseFlow(line('10.96.0.10', 53, '10.244.0.2', 5353))).toEqual({
      source: { address: '10.0.0.7', port: 4000 },
      destination: { address: '10.96.0.10', port: 53 },
      answerer: { address: '10.244.0.2', port: 5353 },
    })
    expect(parseFlow('conntrack v1.4.7: 3 flow entries have been shown.')).toBeNull()
  })

  const none: Plans = new Map()
  const cases: readonly [string, Plans, Plans, string, boolean][] = [
    [
      'to somebody who answers',
      none,
      plansOf(['10.244.0.2']),
      line('10.96.0.10', 53, '10.244.0.2', 5353),
      false,
    ],
    [
      'to one who is gone',
      none,
      plansOf(['10.244.0.3']),
      line('10.96.0.10', 53, '10.244.0.2', 5353),
      true,
    ],
    [
      'to another port of one',
      none,
      plansOf(['10.244.0.2']),
      line('10.96.0.10', 53, '10.244.0.2', 5354),
      true,
    ],
    [
      'that no rule led anywhere, where there is somebody now',
      none,
      plansOf(['10.244.0.2']),
      line('10.96.0.10', 53, '10.96.0.10', 53),
      true,
    ],
    [
      'that no rule led anywhere, where there is nobody',
      none,
      plansOf([]),
      line('10.96.0.10', 53, '10.96.0.10', 53),
      false,
    ],
    [
      'to the last, who is gone',
      none,
      plansOf([]),
      line('10.96.0.10', 53, '10.244.0.2', 5353),
      true,
    ],
    [
      'by a node port to one who is gone',
      none,
      plansOf(['10.244.0.3']),
      line('192.168.0.1', 30_053, '10.244.0.2', 5353),
      true,
    ],
    [
      'by a node port at an address where there are none',
      none,
      plansOf(['10.244.0.3']),
      line('172.16.0.1', 30_053, '10.244.0.2', 5353),
      false,
    ],
    [
      'to a Service that is gone',
      plansOf(['10.244.0.2']),
      none,
      line('10.96.0.10', 53, '10.244.0.2', 5353),
      true,
    ],
    [
      'that has nothing to do with Services',
      plansOf(['10.244.0.2']),
      none,
      line('8.8.8.8', 53, '8.8.8.8', 53),
      false,
    ],
    [
      'of a Service that is of TCP alone',
      none,
      plansOf(['10.244.0.3'], 'TCP'),
      line('10.96.0.10', 53, '10.244.0.2', 5353),
      false,
    ],
  ]
  it.each(cases)('%s', (_what, before, after, text, stale) => {
    const flow = parseFlow(text)
    const flows = flow === null ? [] : [flow]
    const found = staleFlows(flows, before, after, 'IPv4', ['192.168.0.0/16'])
    expect(found).toEqual(stale ? flows : [])
  })

  it('is looked for when a Service of UDP changes, comes or goes', () => {
    const udp = plansOf(['10.244.0.2'])
    expect([
      concernsUdp(udp, udp),
      concernsUdp(none, udp),
      concernsUdp(udp, none),
      concernsUdp(udp, plansOf(['10.244.0.3'])),
      concernsUdp(none, plansOf(['10.244.0.2'], 'TCP')),
    ]).toEqual([false, true, true, true, false])
  })
})
