import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../../platform/logger.js'
import { rpcCode } from '../../../../platform/rpc.js'
import type { RpcFailure } from '../../../../platform/rpc-channel.js'
import { VirtualClock } from '../../../../platform/testing/virtual-clock.js'
import { type CriClient, CriError } from './cri-client.js'
import { containerState, type ContainerStatus } from './messages.js'
import { CriObserver } from './observer.js'

const labels = {
  'io.kubernetes.pod.uid': 'u1',
  'io.kubernetes.container.name': 'main',
  'raftsman.dev/node-identity': 'me',
}

/** A runtime of one container that says what it is told to. */
class Script {
  up = true
  state: number = containerState.running
  listings = 0
  statuses = 0
  network = true
  selectors: unknown[] = []
  event: (() => void) | null = null
  private readonly hasEvents: boolean

  constructor(hasEvents: boolean) {
    this.hasEvents = hasEvents
  }

  private answer<T>(value: T): Promise<T> {
    const failure = { code: rpcCode.unavailable, message: 'connect ENOENT', sent: false }
    return this.up ? Promise.resolve(value) : Promise.reject(new CriError(failure))
  }

  get client(): CriClient {
    const status = (): ContainerStatus => ({
      id: 'c1',
      metadata: { name: 'main', attempt: 0 },
      state: this.state,
      createdAt: 1,
      startedAt: 1,
      finishedAt: 2,
      exitCode: 0,
      image: null,
      imageRef: '',
      reason: '',
      message: '',
      labels,
      annotations: {},
      logPath: '',
    })
    const some = {
      version: () =>
        this.answer({
          version: '',
          runtimeName: 'steam',
          runtimeVersion: '1.2',
          runtimeApiVersion: '',
        }),
      status: () => {
        this.statuses += 1
        const condition = (type: string, holds: boolean) => ({
          type,
          status: holds,
          reason: 'Because',
          message: 'of it',
        })
        const conditions = [
          condition('RuntimeReady', true),
          condition('NetworkReady', this.network),
        ]
        return this.answer({ status: { conditions } })
      },
      listPodSandbox: (request: unknown) => {
        this.selectors.push(request)
        return this.answer({ items: [] })
      },
      listContainers: (request: unknown) => {
        this.listings += 1
        this.selectors.push(request)
        const { id, metadata, state } = status()
        const container = { id, podSandboxId: 's1', metadata, state, createdAt: 1, labels }
        return this.answer({ containers: [container] })
      },
      containerStatus: () => this.answer({ status: status() }),
      watchEvents: (onEvent: () => void, onEnd: (failure: RpcFailure) => void) => {
        const failure = { code: rpcCode.unimplemented, message: 'unknown method', sent: true }
        if (this.hasEvents) this.event = onEvent
        else onEnd(failure)
        return { cancel() {} }
      },
    }
    return some as Partial<CriClient> as CriClient
  }
}

async function observing(hasEvents: boolean) {
  const script = new Script(hasEvents)
  const clock = new VirtualClock()
  const changes: string[] = []
  const troubles: string[] = []
  const observer = new CriObserver({
    client: script.client,
    clock,
    logger: silentLogger,
    owner: 'me',
    downAfterMs: 10_000,
    lastWords: () => Promise.resolve('bye'),
  })
  observer.onChange(podUid => changes.push(podUid))
  observer.onTroubles(() => {
    const { runtime, network } = observer.troubles
    troubles.push(runtime ?? network ?? 'none')
  })
  const pass = (ms: number): Promise<void> => clock.pass(ms)
  return { script, observer, changes, troubles, pass }
}

describe('a runtime without events', () => {
  it('is listed by our label alone, each second, and more often right after a change', async () => {
    const { script, observer, changes, pass } = await observing(false)
    await observer.start()
    expect(observer.version).toBe('steam://1.2')
    expect(changes).toEqual(['u1'])
    const filter = { labelSelector: { 'raftsman.dev/node-identity': 'me' } }
    for (const selector of script.selectors) expect(selector).toEqual({ filter })
    await pass(5_000)
    const before = script.listings
    await pass(10_000)
    expect(script.listings - before).toBe(10)
    script.state = containerState.exited
    await pass(1_000)
    expect(changes).toEqual(['u1', 'u1'])
    expect(observer.view.containers('u1')[0]?.exit).toMatchObject({ code: 0, message: 'bye' })
    const after = script.listings
    await pass(2_000)
    expect(script.listings - after).toBe(10)
    observer.close()
  })
})

describe('a runtime with events', () => {
  it('is listed when it tells something, however much it tells, and seldom else', async () => {
    const { script, observer, changes, pass } = await observing(true)
    await observer.start()
    script.state = containerState.exited
    for (let count = 0; count < 100; count += 1) script.event?.()
    const before = script.listings
    await pass(100)
    expect(script.listings - before).toBe(1)
    expect(changes).toEqual(['u1', 'u1'])
    await pass(10_000)
    const quiet = script.listings
    await pass(20_000)
    expect(script.listings - quiet).toBe(4)
    observer.close()
  })
})

describe('the troubles of a runtime', () => {
  it('are its silence, once it lasts; what was known stays known', async () => {
    const { script, observer, troubles, pass } = await observing(false)
    await observer.start()
    expect(troubles).toEqual(['none'])
    script.up = false
    await pass(9_000)
    expect(troubles).toEqual(['none'])
    await pass(3_000)
    expect(troubles[1]).toMatch(/^container runtime is down: rpc error: code = Unavailable/)
    expect(observer.view.containers('u1')).toHaveLength(1)
    script.up = true
    await pass(2_000)
    expect(troubles[2]).toBe('none')
    observer.close()
  })

  it('are told at once where it was never heard of', async () => {
    const { script, observer, troubles, pass } = await observing(false)
    script.up = false
    await observer.start()
    expect(observer.troubles.runtime).toContain('container runtime is down')
    script.up = true
    await pass(1_000)
    expect(troubles.at(-1)).toBe('none')
    observer.close()
  })

  it('are its network, as long as it lasts', async () => {
    const { script, observer, troubles, pass } = await observing(false)
    script.network = false
    await observer.start()
    expect(troubles.at(-1)).toContain('NetworkReady=false reason:Because message:of it')
    expect(observer.troubles.runtime).toBeNull()
    script.network = true
    await pass(2_000)
    expect(troubles.at(-1)).toBe('none')
    observer.close()
  })
})
