// One of the two that are compared: how its members are started, and how its clients connect. A cluster
// of either is a `Cluster` (cluster.ts), so that scenarios do not know which one they play on.

import type { Driver } from '../clients/driver.js'

export const sideNames = ['raftsman', 'etcd'] as const
export type SideName = (typeof sideNames)[number]

/** `native` is our own; etcd has gRPC only, and is driven by that in every row. */
export type Protocol = 'native' | 'grpc'

export interface MemberPlace {
  readonly name: string
  readonly peerAddress: string
  readonly clientAddress: string
  readonly dataDirectory: string
}

/** Where profiles go, and what their names begin with. */
export interface Profiling {
  readonly folder: string
  readonly label: string
}

export interface Launch {
  readonly program: string
  readonly args: readonly string[]
}

export interface Side {
  readonly name: SideName
  /** As the program says it, as in "etcd 3.4.23". Throws where it cannot be run. */
  version(): string
  launch(member: MemberPlace, all: readonly MemberPlace[], profiling: Profiling | null): Launch
  /** While the window is open: for a side whose members do not write profiles by themselves. */
  profile?(member: MemberPlace, profiling: Profiling, seconds: number): Promise<void>
  /** The first endpoint is preferred, or the only one where the protocol has no notion of several. */
  connect(protocol: Protocol, endpoints: readonly string[]): Driver
}
