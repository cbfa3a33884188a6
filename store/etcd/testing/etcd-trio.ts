// Three real etcd members as one cluster.

import { freePort } from '../../../platform/testing/free-port.js'
import { EtcdProcess } from './etcd-process.js'

export class EtcdTrio {
  readonly members: readonly EtcdProcess[]
  /** As etcd's flag takes it. */
  readonly initialCluster: string

  private constructor(members: readonly EtcdProcess[], initialCluster: string) {
    this.members = members
    this.initialCluster = initialCluster
  }

  /** `flags` of every member; `scheme` of their client ports. */
  static async start(
    flags: readonly string[] = [],
    scheme: 'http' | 'https' = 'http',
  ): Promise<EtcdTrio> {
    const names = ['m1', 'm2', 'm3']
    const peerPorts = await Promise.all(names.map(() => freePort()))
    const initialCluster = names
      .map((name, at) => `${name}=http://127.0.0.1:${peerPorts[at]}`)
      .join(',')
    const members = await Promise.all(
      names.map((name, at) => {
        const peerPort = peerPorts[at] ?? 0
        return EtcdProcess.start({ name, peerPort, initialCluster, flags, scheme })
      }),
    )
    return new EtcdTrio(members, initialCluster)
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ address }) => address)
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(member => member.stop()))
  }
}
