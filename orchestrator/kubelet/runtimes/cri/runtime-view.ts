// What is known of the runtime's sandboxes and containers, kept up to date by listings and by what we do ourselves.
// Counterpart: the pod cache of the kubelet with its lifecycle event generator. Pure: it says whose status has to be
// asked for. A listing that began before something was done here must not undo what was learned of it.

import type { ContainerRecord } from '../../runtime.js'
import { containerOfLabels, podOfLabels } from './labels.js'
import { containerState, type ListedContainer, type PodSandbox, sandboxState } from './messages.js'
import type { SandboxView } from './records.js'

export interface Listing {
  readonly sandboxes: readonly PodSandbox[]
  readonly containers: readonly ListedContainer[]
}

/** Ids of the runtime, whose status is not the one that is known. */
export interface Questions {
  readonly sandboxes: readonly string[]
  readonly containers: readonly string[]
}

interface KnownSandbox {
  readonly view: SandboxView
  readonly touched: number
}

interface KnownContainer {
  readonly state: number
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  /** Null for one that was never started. */
  readonly record: ContainerRecord | null
  readonly touched: number
}

export class RuntimeView {
  private readonly known = new Map<string, KnownSandbox>()
  private readonly runs = new Map<string, KnownContainer>()
  /** Removed here, by the instant, as long as a listing may still name them. */
  private readonly removed = new Map<string, number>()
  private instant = 0

  /** To be called before a listing is asked for, and handed to `compare` with it. */
  begin(): number {
    this.instant += 1
    return this.instant
  }

  /** Forgets what is gone, and says what has to be asked. `changed`: pods of which something is gone. */
  compare(
    { sandboxes, containers }: Listing,
    since: number,
  ): { readonly questions: Questions; readonly changed: ReadonlySet<string> } {
    const changed = new Set<string>()
    const isCurrent = (touched = 0): boolean => touched < since
    const listed = new Set([...sandboxes.map(({ id }) => id), ...containers.map(({ id }) => id)])
    for (const [id, { view, touched }] of this.known) {
      if (listed.has(id) || !isCurrent(touched)) continue
      this.known.delete(id)
      changed.add(view.podUid)
    }
    for (const [id, { podUid, touched }] of this.runs) {
      if (listed.has(id) || !isCurrent(touched)) continue
      this.runs.delete(id)
      changed.add(podUid)
    }
    const askSandboxes = sandboxes.filter(({ id, state }) => {
      const known = this.known.get(id)
      if (!isCurrent(known?.touched ?? this.removed.get(id))) return false
      return known === undefined || known.view.ready !== (state === sandboxState.ready)
    })
    const askContainers = containers.filter(container => {
      const known = this.runs.get(container.id)
      if (!isCurrent(known?.touched ?? this.removed.get(container.id))) return false
      if (known === undefined && container.state === containerState.created) {
        this.noteCreated(container)
        return false
      }
      return known?.state !== container.state
    })
    for (const [id, touched] of this.removed) if (isCurrent(touched)) this.removed.delete(id)
    const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id)
    return {
      questions: { sandboxes: ids(askSandboxes), containers: ids(askContainers) },
      changed,
    }
  }

  putSandbox(view: SandboxView): void {
    this.known.set(view.id, { view, touched: this.begin() })
  }

  putContainer(id: string, state: number, record: ContainerRecord): void {
    const { podUid, name, attempt } = record
    this.runs.set(id, { state, podUid, name, attempt, record, touched: this.begin() })
  }

  forget(id: string): void {
    this.known.delete(id)
    this.runs.delete(id)
    this.removed.set(id, this.begin())
  }

  /** Of every pod the newest. */
  sandboxes(): readonly SandboxView[] {
    const newest = new Map<string, SandboxView>()
    for (const { view } of this.known.values()) {
      const other = newest.get(view.podUid)
      if (other === undefined || other.attempt < view.attempt) newest.set(view.podUid, view)
    }
    return [...newest.values()]
  }

  /** Oldest first. */
  sandboxesOf(podUid: string): readonly SandboxView[] {
    return [...this.known.values()]
      .map(({ view }) => view)
      .filter(view => view.podUid === podUid)
      .sort((a, b) => a.attempt - b.attempt)
  }

  containers(podUid: string): readonly ContainerRecord[] {
    return [...this.runs.values()]
      .flatMap(({ record }) => (record?.podUid === podUid ? [record] : []))
      .sort((a, b) => a.startedAtMs - b.startedAtMs || a.attempt - b.attempt)
  }

  record(id: string): ContainerRecord | null {
    return this.runs.get(id)?.record ?? null
  }

  running(): readonly ContainerRecord[] {
    return [...this.runs.values()].flatMap(({ record }) => (record?.exit === null ? [record] : []))
  }

  /** Of a start that was cut short: made and never started. */
  leftover(podUid: string, name: string, attempt: number): string | null {
    for (const [id, run] of this.runs) {
      if (run.record !== null || run.podUid !== podUid) continue
      if (run.name === name && run.attempt === attempt) return id
    }
    return null
  }

  private noteCreated({ id, state, labels, metadata }: ListedContainer): void {
    const podUid = podOfLabels(labels)?.podUid
    const name = containerOfLabels(labels)
    if (podUid === undefined || name === null) return
    const attempt = metadata?.attempt ?? 0
    const touched = this.begin()
    this.runs.set(id, { state, podUid, name, attempt, record: null, touched })
  }
}
