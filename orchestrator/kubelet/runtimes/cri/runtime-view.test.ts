import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ContainerRecord } from '../../runtime.js'
import { containerState, sandboxState } from './messages.js'
import type { SandboxView } from './records.js'
import { type Listing, RuntimeView } from './runtime-view.js'

const labels = { 'io.kubernetes.pod.uid': 'u1', 'io.kubernetes.container.name': 'main' }

const listedContainer = (id: string, state: number, attempt = 0) => ({
  id,
  podSandboxId: 's1',
  metadata: { name: 'main', attempt },
  state,
  createdAt: 0,
  labels,
})

const listedSandbox = (id: string, state: number) => ({
  id,
  metadata: null,
  state,
  createdAt: 0,
  labels,
})

const recordOf = (id: string, ended: boolean, startedAtMs = 0): ContainerRecord => ({
  id: `containerd://${id}`,
  podUid: 'u1',
  name: 'main',
  attempt: 0,
  image: '',
  imageId: '',
  startedAtMs,
  exit: ended ? { code: 0, finishedAtMs: 1, reason: 'Completed', message: '' } : null,
  pid: null,
})

const sandboxOf = (id: string, attempt: number, ready = true): SandboxView => ({
  id,
  attempt,
  ready,
  podUid: 'u1',
  podNamespace: 'default',
  podName: 'web',
  address: null,
})

interface Heard {
  readonly listing: Listing
  readonly since: number
}

const nothing: Listing = { sandboxes: [], containers: [] }

describe('the view of a runtime', () => {
  it('asks for what is new or not as it was, and for nothing else', () => {
    const view = new RuntimeView()
    view.putSandbox(sandboxOf('s1', 0))
    view.putContainer('c1', containerState.running, recordOf('c1', false))
    const { running, exited } = containerState
    const ask = (state: number, sandbox: number = sandboxState.ready) =>
      view.compare(
        {
          sandboxes: [listedSandbox('s1', sandbox)],
          containers: [listedContainer('c1', state), listedContainer('c2', exited)],
        },
        view.begin(),
      ).questions
    expect(ask(running)).toEqual({ sandboxes: [], containers: ['c2'] })
    expect(ask(exited)).toEqual({ sandboxes: [], containers: ['c1', 'c2'] })
    expect(ask(running, sandboxState.notReady).sandboxes).toEqual(['s1'])
  })

  it('forgets what is gone, and says of which pod', () => {
    const view = new RuntimeView()
    view.putSandbox(sandboxOf('s1', 0))
    view.putContainer('c1', containerState.running, recordOf('c1', false))
    expect([...view.compare(nothing, view.begin()).changed]).toEqual(['u1'])
    expect(view.containers('u1')).toEqual([])
    expect(view.sandboxes()).toEqual([])
  })

  it('shows of every pod the newest sandbox, and its runs from the oldest on', () => {
    const view = new RuntimeView()
    view.putSandbox(sandboxOf('s2', 1))
    view.putSandbox(sandboxOf('s1', 0, false))
    view.putContainer('c2', containerState.running, recordOf('c2', false, 20))
    view.putContainer('c1', containerState.exited, recordOf('c1', true, 10))
    expect(view.sandboxes().map(({ id }) => id)).toEqual(['s2'])
    expect(view.sandboxesOf('u1').map(({ id }) => id)).toEqual(['s1', 's2'])
    expect(view.containers('u1').map(({ startedAtMs }) => startedAtMs)).toEqual([10, 20])
    expect(view.running().map(({ id }) => id)).toEqual(['containerd://c2'])
  })

  it('finds the container that was made and never started', () => {
    const view = new RuntimeView()
    const made = { sandboxes: [], containers: [listedContainer('c1', containerState.created, 3)] }
    expect(view.compare(made, view.begin()).questions.containers).toEqual([])
    expect(view.leftover('u1', 'main', 3)).toBe('c1')
    expect(view.leftover('u1', 'main', 2)).toBeNull()
    expect(view.containers('u1')).toEqual([])
  })

  it('is never undone by a listing that began before, and in the end is as the runtime is', () => {
    const step = fc.constantFrom('start', 'end', 'remove', 'list', 'deliver' as const)
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(5)), { maxLength: 60 }), steps => {
        const view = new RuntimeView()
        const truth = new Map<string, boolean>()
        let made = 0
        let pending: Heard | null = null
        const list = (): Heard => ({
          since: view.begin(),
          listing: {
            sandboxes: [],
            containers: [...truth].map(([id, ended]) =>
              listedContainer(id, ended ? containerState.exited : containerState.running),
            ),
          },
        })
        const learn = (id: string): void => {
          const ended = truth.get(id)
          if (ended === undefined) view.forget(id)
          else {
            const state = ended ? containerState.exited : containerState.running
            view.putContainer(id, state, recordOf(id, ended))
          }
        }
        const deliver = ({ listing, since }: Heard): void => {
          for (const id of view.compare(listing, since).questions.containers) learn(id)
        }
        /** What was done here and not by the runtime alone. */
        const known = new Set<string>()
        for (const [what, number] of steps) {
          const id = [...truth.keys()][number]
          if (what === 'start') {
            made += 1
            truth.set(`c${made}`, false)
            learn(`c${made}`)
            known.add(`containerd://c${made}`)
          } else if (what === 'end' && id !== undefined) {
            // Nobody is told.
            truth.set(id, true)
          } else if (what === 'remove' && id !== undefined) {
            truth.delete(id)
            learn(id)
            known.delete(`containerd://${id}`)
          } else if (what === 'list') {
            pending = list()
          } else if (what === 'deliver' && pending !== null) {
            deliver(pending)
            pending = null
          }
          expect(new Set(view.containers('u1').map(({ id: shown }) => shown))).toEqual(known)
        }
        deliver(list())
        const shown = view.containers('u1').map(({ id, exit }) => [id, exit !== null])
        expect(new Map(shown as [string, boolean][])).toEqual(
          new Map([...truth].map(([id, ended]) => [`containerd://${id}`, ended])),
        )
      }),
      { numRuns: 300 },
    )
  })
})
