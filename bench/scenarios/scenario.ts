// What a scenario is: a piece of work that is the same on both sides, and one figure that it comes to.

import type { Clock } from '../../platform/clock.js'
import type { Recorded } from '../harness/recorder.js'
import type { Metered } from '../harness/processes.js'
import type { Stop } from '../harness/load.js'
import type { Cluster } from '../sides/cluster.js'
import type { Protocol } from '../sides/side.js'

export type Better = 'higher' | 'lower'

/** What a user may set. Null: as the scenario has it. */
export interface Settings {
  readonly clients: number | null
  readonly valueBytes: number | null
  /** Of a closed loop, or of an open one where a scenario is one of itself. */
  readonly rate: number | null
  /** Of the window that is measured. */
  readonly seconds: number
  /** Of the scenario's own work, before its window. */
  readonly warmUpSeconds: number
  /** Of work that is the same for every scenario, before that; see warm-up.ts. */
  readonly serverWarmUpSeconds: number
  /** Less data and fewer rounds. */
  readonly quick: boolean
}

export type Setting = 'clients' | 'valueBytes' | 'rate'

export interface Bare {
  readonly settings: Settings
  readonly clock: Clock
  readonly stop: Stop
  /** Below which data is kept. */
  readonly parent: string
}

export interface Context extends Bare {
  readonly cluster: Cluster
}

export interface Outcome {
  /** In the scenario's unit. */
  readonly value: number
  /** Of the rows that the scenario has beside its own, by their names. */
  readonly also?: Readonly<Record<string, number>>
  /** What it was measured from; null where there are no requests to speak of. */
  readonly recorded: Recorded | null
  readonly metered: Metered
  /** By all members within the window; null when they do not tell. */
  readonly walSyncs: number | null
  /** What a reader should know of this run. */
  readonly notes: readonly string[]
}

export interface Row {
  readonly name: string
  readonly unit: string
  readonly better: Better
  /** One line. */
  readonly summary: string
}

/** Most are played on a cluster of either side; one of our state alone needs none, and has no other side. */
export type Scenario = Described &
  (
    | { readonly on?: 'cluster'; run(context: Context): Promise<Outcome> }
    | { readonly on: 'state'; run(bare: Bare): Promise<Outcome> }
  )

interface Described extends Row {
  /** Names several at once on the command line. */
  readonly group: string
  /** How ours is driven. */
  readonly protocol: Protocol
  /** Which settings mean something here: others are refused. */
  readonly takes: ReadonlySet<Setting>
  /** Left out of a quick run unless it is named: others say nearly the same, or a second of it says nothing. */
  readonly slow?: boolean
  /** Of what takes minutes, unless somebody asks for more. */
  readonly repetitionsMax?: number
  /** Further figures that come of the same run. */
  readonly also?: readonly Row[]
}
