// What is asked of the API servers of three masters, each the way its figure is defined.

import { nodeClock } from '../../platform/node/clock.js'
import type { Ask } from '../harness/load.js'
import { runLoad } from '../harness/load.js'
import { Histogram } from '../harness/histogram.js'
import { costOf, Meter } from '../harness/processes.js'
import { spreadOf } from '../harness/statistics.js'
import type { MeasuredCluster } from './cluster.js'
import type { Answer } from './answer-reader.js'
import type { Connection } from './connection.js'
import { configMap, pod } from './objects.js'

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly detail?: Readonly<Record<string, unknown>>
}

export interface Settings {
  readonly cluster: MeasuredCluster
  readonly clients: number
  readonly seconds: number
  readonly pods: number
  readonly watchers: number
  /** Writes a second that watchers are told of. */
  readonly watchRate: number
  readonly storedPods: number
  readonly say: (text: string) => void
  readonly profile: boolean
}

const clock = nodeClock()
const namespace = 'bench'
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`
const pods = `/api/v1/namespaces/${namespace}/pods`
const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

export const sleep = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms)
  })

const failureOf = (answer: Answer | Error, wanted: number): string | null => {
  if (answer instanceof Error) return answer.message
  return answer.status === wanted ? null : `HTTP ${answer.status}`
}

/** A closed loop of all clients, one request each under way. */
async function closedLoop(
  { cluster, seconds, profile, say }: Settings,
  name: string,
  connections: readonly Connection[],
  ask: Ask,
): Promise<Figure> {
  const meter = new Meter({ clock, pids: () => cluster.pids })
  let sinceMs = 0
  const parts = ['store', 'apiserver', 'controllers']
  const spent = (): number[] =>
    parts.map(part =>
      cluster.processesOf(part).reduce((sum, { pid }) => sum + (costOf(pid)?.cpuSeconds ?? 0), 0),
    )
  let before: number[] = []
  let after: number[] = []
  const recorded = await runLoad({
    clock,
    slots: connections.length,
    warmUpMs,
    windowMs: seconds * 1_000,
    drainMsMax: 10_000,
    ask,
    onOpen: () => {
      sinceMs = Date.now()
      meter.start()
      before = spent()
      if (profile) cluster.toggleProfiles()
    },
    onClose: () => {
      after = spent()
      if (profile) cluster.toggleProfiles()
    },
  })
  const metered = meter.stop()
  if (profile) {
    await sleep(3_000)
    say(`profiles of ${name} in ${cluster.probesFolder}`)
  }
  await sleep(1_100)
  const { latencies, answered, elapsedMs, failed, failures } = recorded
  return {
    name,
    value: round((answered * 1_000) / elapsedMs, 0),
    unit: '1/s',
    detail: {
      p50Ms: round(latencies.percentileMicros(0.5) / 1_000, 2),
      p99Ms: round(latencies.percentileMicros(0.99) / 1_000, 2),
      maxMs: round(latencies.maxMicros / 1_000, 1),
      perSecond: recorded.perSecond,
      failed,
      ...(failed > 0 && { failures }),
      cpuMsEach: Object.fromEntries(
        parts.map((part, at) => [
          part,
          round((((after[at] ?? 0) - (before[at] ?? 0)) * 1_000) / answered, 3),
        ]),
      ),
      generatorCpuMsEach: round((metered.generatorCpuSeconds * 1_000) / answered, 3),
      apiserverLongestTurn: cluster.longestTurn('apiserver', sinceMs),
    },
  }
}

export async function create(settings: Settings): Promise<Figure> {
  const connections = await settings.cluster.connect(settings.clients)
  let count = 0
  const figure = await closedLoop(settings, 'create', connections, (slot, done) => {
    count += 1
    connections[slot]?.send('POST', configMaps, {
      body: configMap(`created-${count}`),
      done: answer => done(failureOf(answer, 201)),
    })
  })
  for (const connection of connections) connection.close()
  return figure
}

export async function get(settings: Settings): Promise<Figure> {
  const connections = await settings.cluster.connect(settings.clients)
  const known = 1_000
  await each(connections, known, (connection, at) =>
    connection.ask('POST', configMaps, { body: configMap(`known-${at}`) }),
  )
  let count = 0
  const figure = await closedLoop(settings, 'get', connections, (slot, done) => {
    count += 1
    connections[slot]?.send('GET', `${configMaps}/known-${count % known}`, {
      done: answer => done(failureOf(answer, 200)),
    })
  })
  for (const connection of connections) connection.close()
  return figure
}

/** All of `count` things, spread over the connections. */
async function each(
  connections: readonly Connection[],
  count: number,
  ask: (connection: Connection, at: number) => Promise<Answer>,
): Promise<void> {
  let next = 0
  await Promise.all(
    connections.map(async connection => {
      while (next < count) {
        const at = next
        next += 1
        const { status } = await ask(connection, at)
        if (status >= 300 && status !== 409) throw new Error(`HTTP ${status}`)
      }
    }),
  )
}

/** V8 compiles for so long; what is measured before says more of V8 than of the servers. */
const warmUpMs = 10_000
const listRepetitions = 9
const environmentOfFiveKibibytes = 24

async function fillPods(settings: Settings, count: number): Promise<void> {
  const connections = await settings.cluster.connect(settings.clients)
  await each(connections, count, (connection, at) =>
    connection.ask('POST', pods, {
      body: pod(`pod-${at}`, { app: `app-${at % 100}` }, environmentOfFiveKibibytes),
    }),
  )
  for (const connection of connections) connection.close()
}

/** The whole list, from the first byte sent to the last one read, at one client. */
export async function list(settings: Settings): Promise<readonly Figure[]> {
  const { cluster, pods: count } = settings
  await fillPods(settings, count)
  const connections = await cluster.connect(3)
  const figures: Figure[] = []
  const ways: readonly (readonly [string, string, string])[] = [
    ['list', '', 'application/json'],
    ['list-any-version', '?resourceVersion=0', 'application/json'],
    ['list-protobuf', '', 'application/vnd.kubernetes.protobuf'],
    ['list-table', '', 'application/json;as=Table;v=v1;g=meta.k8s.io'],
    ['list-selected', '?labelSelector=app%3Dapp-7', 'application/json'],
  ]
  for (const [name, query, accept] of ways) {
    const times: number[] = []
    let bytes = 0
    const sinceMs = Date.now()
    const cpu = () =>
      cluster
        .processesOf('apiserver')
        .reduce((sum, { pid }) => sum + (costOf(pid)?.cpuSeconds ?? 0), 0)
    const cpuBefore = cpu()
    for (let repetition = 0; repetition < listRepetitions; repetition++) {
      const connection = connections[repetition % connections.length] ?? cluster.first(connections)
      const startedMs = performance.now()
      const answer = await connection.ask('GET', `${pods}${query}`, { accept })
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`)
      times.push(performance.now() - startedMs)
      bytes = answer.bytes
    }
    await sleep(1_100)
    const { median, least, most } = spreadOf(times)
    figures.push({
      name,
      value: round(median),
      unit: 'ms',
      detail: {
        objects: count,
        bytes,
        least: round(least),
        most: round(most),
        apiserverCpuMsEach: round(((cpu() - cpuBefore) * 1_000) / listRepetitions),
        apiserverLongestTurn: cluster.longestTurn('apiserver', sinceMs),
      },
    })
  }
  for (const connection of connections) connection.close()
  return figures
}

const openingMsMax = 30_000

/** From the moment a write is sent to that at which each watcher has the event. */
export async function watch(settings: Settings): Promise<Figure> {
  const { cluster, watchers, watchRate, seconds } = settings
  const connections = await cluster.connect(watchers)
  const writers = await cluster.connect(8)
  const sentMs = new Map<string, number>()
  const latencies = new Histogram()
  let received = 0
  let ended = 0
  let whenAllOpen = (): void => {}
  const open = { count: 0, all: new Promise<void>(resolve => (whenAllOpen = resolve)) }
  const writes = watchRate * seconds
  const mark = Buffer.from('"name":"seen-')
  const path = `${configMaps}?watch=1&allowWatchBookmarks=true&resourceVersion=0&labelSelector=watched%3Dyes`
  for (const connection of connections) {
    connection.send('GET', path, {
      piece: piece => {
        const nowMs = performance.now()
        for (let at = piece.indexOf(mark); at >= 0; at = piece.indexOf(mark, at + 1)) {
          const from = at + mark.length
          const name = piece.toString('latin1', from, piece.indexOf(34, from))
          if (name === 'first') open.count += 1
          if (open.count === watchers) whenAllOpen()
          const sent = sentMs.get(name)
          if (sent === undefined) continue
          received += 1
          latencies.record((nowMs - sent) * 1_000)
        }
      },
      done: () => {
        ended += 1
      },
    })
  }
  const openedMs = Date.now()
  const watched = (name: string): Buffer =>
    Buffer.from(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `seen-${name}`, labels: { watched: 'yes' } },
        data: { value: 'x'.repeat(1_024) },
      }),
    )
  // Whoever has seen this one has an open watch.
  await writers[0]?.ask('POST', configMaps, { body: watched('first') })
  await Promise.race([open.all, sleep(openingMsMax)])
  const openingMs = Date.now() - openedMs
  await sleep(1_100)
  const openingTurn = cluster.longestTurn('apiserver', openedMs)
  const sinceMs = Date.now()
  const recorded = await runLoad({
    clock,
    slots: writers.length,
    rate: watchRate,
    warmUpMs: 0,
    windowMs: seconds * 1_000,
    drainMsMax: 5_000,
    ask: (slot, done) => {
      const name = `${sentMs.size}`
      sentMs.set(name, performance.now())
      writers[slot]?.send('POST', configMaps, {
        body: watched(name),
        done: answer => done(failureOf(answer, 201)),
      })
    },
  })
  await sleep(2_000)
  for (const connection of [...connections, ...writers]) connection.close()
  return {
    name: 'watch',
    value: round(latencies.percentileMicros(0.99) / 1_000),
    unit: 'ms (p99)',
    detail: {
      p50Ms: round(latencies.percentileMicros(0.5) / 1_000),
      maxMs: round(latencies.maxMicros / 1_000),
      watchers,
      writes,
      writesFailed: recorded.failed,
      writeP99Ms: round(recorded.latencies.percentileMicros(0.99) / 1_000),
      received,
      expected: sentMs.size * watchers,
      watchesEnded: ended,
      opened: open.count,
      openingMs,
      openingLongestTurn: openingTurn,
      apiserverLongestTurn: cluster.longestTurn('apiserver', sinceMs),
    },
  }
}

/** Of the API servers when so many pods are stored and read, not of the stores beside them. */
export async function memory(settings: Settings): Promise<readonly Figure[]> {
  const { cluster, storedPods, say } = settings
  const sinceMs = Date.now()
  for (let filled = 0; filled < storedPods; ) {
    filled = Math.min(storedPods, filled + 25_000)
    await fillPods(settings, filled)
    say(`${filled} pods`)
  }
  const [connection] = await cluster.connect(1)
  const startedMs = performance.now()
  const answer = await connection?.ask('GET', pods, {})
  const listMs = performance.now() - startedMs
  connection?.close()
  await sleep(10_000)
  const mebibytes = (part: string): number[] =>
    cluster
      .processesOf(part)
      .map(({ pid }) => Math.round((costOf(pid)?.residentBytes ?? 0) / 2 ** 20))
  return [
    {
      name: 'memory',
      value: Math.max(...mebibytes('apiserver')),
      unit: 'MiB (largest API server)',
      detail: {
        pods: storedPods,
        bytesOfAPod: Math.round((answer?.bytes ?? 0) / storedPods),
        apiservers: mebibytes('apiserver'),
        stores: mebibytes('store'),
        controllers: mebibytes('controllers'),
        fillSeconds: round((Date.now() - sinceMs) / 1_000),
        listMs: round(listMs, 0),
        apiserverLongestTurn: cluster.longestTurn('apiserver', sinceMs),
      },
    },
  ]
}

export async function prepare(settings: Settings): Promise<void> {
  const [connection] = await settings.cluster.connect(1)
  await connection?.ask('POST', '/api/v1/namespaces', {
    body: Buffer.from(
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
    ),
  })
  connection?.close()
  await sleep(2_000)
}
