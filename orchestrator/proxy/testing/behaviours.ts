// What a proxy does, as a table that holds for each of its ways: of a Service and its endpoints, who answers.

import { expect, it } from 'vitest'
import { eventually } from '../../nftables/testing/network-namespaces.js'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint } from '../../api/types/discovery.js'
import { endpointOf, serviceOf, sliceOf } from './objects.js'
import type { ScriptedApi } from './scripted-api.js'

/** The witness is the cluster IP one port further on. */
export type Door = 'cluster IP' | 'node port' | 'witness'

/** One node, "node-1" of zone "here", with a proxy; on it backends a and b, elsewhere backend c. */
export interface ProxyWorld {
  readonly api: ScriptedApi
  readonly backends: Readonly<Record<'a' | 'b' | 'c', string>>
  readonly backendPort: number
  readonly clusterIp: string
  readonly port: number
  readonly nodePort: number
  /** From a client on this node: the name of who answers, or "nobody". */
  ask(door: Door): Promise<string>
}

interface Behaviour {
  readonly title: string
  readonly spec?: Partial<NonNullable<Service['spec']>>
  /** "a", "a ending", "b unready"; several slices are parted by "|". */
  readonly endpoints: string
  /** All who answer at each door, in order of the alphabet. */
  readonly answers: Partial<Record<Door, string>>
  /** Endpoints afterwards, and who answers then at the cluster IP. */
  readonly afterwards?: readonly [string, string]
}

const behaviours: readonly Behaviour[] = [
  { title: 'all who are ready', endpoints: 'a b c', answers: { 'cluster IP': 'a b c' } },
  { title: 'the endpoints of all slices', endpoints: 'a | b', answers: { 'cluster IP': 'a b' } },
  { title: 'nobody who is not ready', endpoints: 'a b:unready', answers: { 'cluster IP': 'a' } },
  { title: 'nobody where there is nobody', endpoints: '', answers: { 'cluster IP': 'nobody' } },
  {
    title: 'those who end, where nobody is ready',
    endpoints: 'a:ending b:unready',
    answers: { 'cluster IP': 'a' },
  },
  {
    title: 'nobody who ends, where somebody is ready',
    endpoints: 'a:ending b',
    answers: { 'cluster IP': 'b' },
  },
  { title: 'nobody who has ended', endpoints: 'a:ended', answers: { 'cluster IP': 'nobody' } },
  {
    title: 'those of this node by internalTrafficPolicy Local',
    spec: { internalTrafficPolicy: 'Local' },
    endpoints: 'a c',
    answers: { 'cluster IP': 'a' },
  },
  {
    title: 'nobody by internalTrafficPolicy Local where all are elsewhere',
    spec: { internalTrafficPolicy: 'Local' },
    endpoints: 'c',
    answers: { 'cluster IP': 'nobody' },
  },
  {
    title: 'everybody at a node port too',
    spec: { type: 'NodePort' },
    endpoints: 'a c',
    answers: { 'cluster IP': 'a c', 'node port': 'a c' },
  },
  {
    title: 'those whom hints give to the zone of this node',
    endpoints: 'a:here b:there c:here',
    answers: { 'cluster IP': 'a c' },
  },
  {
    title: 'everybody where one has no hint',
    endpoints: 'a:here b',
    answers: { 'cluster IP': 'a b' },
  },
  {
    title: 'everybody where no hint names the zone of this node',
    endpoints: 'a:there b:there',
    answers: { 'cluster IP': 'a b' },
  },
  {
    title: 'one and the same to a client with affinity, until it is gone',
    spec: { sessionAffinity: 'ClientIP' },
    endpoints: 'a',
    answers: { 'cluster IP': 'a' },
    afterwards: ['a b c', 'a'],
  },
  {
    title: 'another one when the one is gone',
    spec: { sessionAffinity: 'ClientIP' },
    endpoints: 'a',
    answers: { 'cluster IP': 'a' },
    afterwards: ['b', 'b'],
  },
  {
    title: 'those who are there after a change',
    endpoints: 'a b',
    answers: { 'cluster IP': 'a b' },
    afterwards: ['b c', 'b c'],
  },
  {
    title: 'nobody when the last is gone',
    endpoints: 'a',
    answers: { 'cluster IP': 'a' },
    afterwards: ['', 'nobody'],
  },
]

const conditions: Readonly<Record<string, Endpoint['conditions']>> = {
  unready: { ready: false, serving: false, terminating: false },
  ending: { ready: false, serving: true, terminating: true },
  ended: { ready: false, serving: false, terminating: true },
}

function endpointsOf(text: string, { backends }: ProxyWorld): readonly Endpoint[] {
  return text.split(' ').flatMap((word): readonly Endpoint[] => {
    const [name, state = ''] = word.split(':')
    if (name !== 'a' && name !== 'b' && name !== 'c') return []
    const zones = state === 'here' || state === 'there' ? [{ name: state }] : null
    return [
      endpointOf(backends[name], {
        nodeName: name === 'c' ? 'node-2' : 'node-1',
        ...(conditions[state] === undefined ? {} : { conditions: conditions[state] }),
        ...(zones === null ? {} : { hints: { forZones: zones } }),
      }),
    ]
  })
}

/** Enough that one of three is overlooked once in a billion times. */
const questions = 50

async function whoAnswers(world: ProxyWorld, door: Door): Promise<string> {
  const names = new Set<string>()
  for (let asked = 0; asked < questions; asked += 1) {
    names.add(await world.ask(door))
    // Silence takes its time.
    if (names.has('nobody') && asked === 2) break
  }
  return [...names].sort().join(' ')
}

/** Of what was put before, by a Service that was put after. */
async function untilInForce(world: ProxyWorld): Promise<void> {
  const { api, clusterIp, port, backends, backendPort } = world
  const service = serviceOf('witness', { clusterIP: clusterIp, ports: [{ port: port + 1 }] })
  const slice = sliceOf('witness', [endpointOf(backends.a)], { ports: [{ port: backendPort }] })
  api.put('services', service)
  api.put('endpointslices', slice)
  await eventually('the witness answers', async () => (await world.ask('witness')) === 'a')
  api.delete('services', service)
  api.delete('endpointslices', slice)
}

/** Defines a test a line of the table. Each has a Service of its own, which is gone afterwards. */
export function itKeepsToTheTable(worldOf: () => ProxyWorld): void {
  it.each(behaviours)(
    'lets answer: $title',
    async ({ title, spec, endpoints, answers, afterwards }) => {
      const world = worldOf()
      const { api, clusterIp, port, nodePort, backendPort } = world
      const withNodePort = spec?.type === 'NodePort' ? { nodePort } : {}
      const service = serviceOf('web', {
        ...spec,
        clusterIP: clusterIp,
        ports: [{ port, ...withNodePort }],
      })
      const put = (text: string): void => {
        for (const [index, some] of text.split('|').entries()) {
          const slice = sliceOf('web', endpointsOf(some, world), {
            metadata: { name: `web-${index}`, labels: { 'kubernetes.io/service-name': 'web' } },
            ports: [{ port: backendPort }],
          })
          api.put('endpointslices', slice)
          slices.set(`web-${index}`, slice)
        }
      }
      const slices = new Map<string, ReturnType<typeof sliceOf>>()
      api.put('services', service)
      put(endpoints)
      for (const [door, wanted] of Object.entries(answers)) {
        const said = () => whoAnswers(world, door as Door)
        await eventually(`${title}: ${wanted}`, async () => (await said()) === wanted)
      }
      if (afterwards !== undefined) {
        const [changed, wanted] = afterwards
        put(changed)
        await untilInForce(world)
        expect(await whoAnswers(world, 'cluster IP')).toBe(wanted)
      }
      api.delete('services', service)
      for (const slice of slices.values()) api.delete('endpointslices', slice)
      await eventually(
        'the service is gone',
        async () => (await world.ask('cluster IP')) === 'nobody',
      )
    },
  )
}
