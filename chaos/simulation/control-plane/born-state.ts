// What clusters are born with: the state that a first API server and a first leader of the controllers have
// written into an empty store, policies, namespaces, service accounts and all. Made once a process and shared by
// all seeds, for it is the same every time and would be most of what a short life costs. What belongs to
// processes that are gone (leases, addresses, events) is not in it.

import { startApiserverCore } from '../../../orchestrator/apiserver/apiserver-core.js'
import { startControllers } from '../../../orchestrator/controllers/start-controllers.js'
import { silentLogger } from '../../../platform/logger.js'
import { seededRandom } from '../../../platform/seeded-random.js'
import { deafMetrics } from '../../../platform/testing/deaf-metrics.js'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import { MemoryBackend } from '../../../store/backend/memory.js'
import { applyWhole, localEntry } from '../../../store/core/local-entry.js'
import { StoreCore } from '../../../store/core/store-core.js'
import type { KeyValue } from '../../../store/core/types.js'
import { LocalStore } from '../../../store/local-store.js'
import { InProcessTransport } from '../../../testing/in-process-transport.js'
import type { BornState } from '../store/state-file.js'
import { simulatedVersion } from './simulated-version.js'

/** An hour before everything else: nothing in it is younger than what follows. */
const startWallMs = Date.UTC(2025, 11, 31, 23)
/** Until nobody has anything left to write. */
const lifeMs = 60_000
const passing = [
  '/registry/coordination.k8s.io/leases/',
  '/registry/core/events/',
  '/registry/events.k8s.io/events/',
  '/registry/core/endpoints/default/kubernetes',
  '/registry/discovery.k8s.io/endpointslices/default/kubernetes',
]

let made: Promise<BornState> | null = null

/** The one of this process. */
export function bornState(): Promise<BornState> {
  made ??= makeBornState()
  return made
}

/** The same one every time. */
export async function makeBornState(): Promise<BornState> {
  const clock = new VirtualClock(startWallMs)
  const store = new LocalStore({ clock })
  const broken: unknown[] = []
  const onFatal = (error: unknown) => broken.push(error)
  const parts = { clock, random: seededRandom(1), logger: silentLogger, metrics: deafMetrics }
  const apiserver = startApiserverCore({
    ...parts,
    store,
    serviceCidr: '10.96.0.0/16',
    serverAddress: 'm1:6443',
    caPem: '',
    proxyCaPem: null,
    kubeletClient: null,
    signer: null,
    version: simulatedVersion,
  })
  const transport = new InProcessTransport({
    pipeline: apiserver.pipeline,
    peer: { commonName: 'system:kube-controller-manager', organizations: [] },
    clock,
    onBroken: onFatal,
  })
  apiserver.serve('10.0.0.1:6443')
  await startControllers({ ...parts, identity: 'first', transport, rootCa: null, onFatal })
  await clock.pass(lifeMs)
  const { kvs } = await store.range({ key: Buffer.from('\0'), end: Buffer.from('\0') })
  if (broken.length > 0) throw broken[0]
  // Both are left where they are: nobody moves their clock any more.
  store.close()
  return stateOf(kvs)
}

/** Of a store that has never known anything else. */
function stateOf(kvs: readonly KeyValue[]): BornState {
  const backend = new MemoryBackend()
  const core = new StoreCore(backend, { clusterId: 1, memberId: 1 })
  const lasting = kvs
    .filter(
      ({ key, lease }) => lease === 0 && !passing.some(start => textOf(key).startsWith(start)),
    )
    .sort((a, b) => a.modRevision - b.modRevision)
  for (const [at, { key, value }] of lasting.entries()) {
    const entry = localEntry(at + 1, 1, [{ kind: 'put', request: { key, value } }])
    applyWhole(core, entry)
    core.applied()
    core.flush()
  }
  const { meta } = backend
  if (meta === null) throw new TypeError('a first API server writes something')
  const rows = backend.readRows(1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  core.close()
  // Where no entry has been applied yet, whatever the log will be.
  return { meta: { ...meta, appliedIndex: 0, appliedTerm: 0 }, rows }
}

const decoder = new TextDecoder()
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)
