// The machines of the local cloud, as its file names them.

import type { Node } from '../../../api/types/core-node.js'
import type { Instance, Instances } from '../../provider.js'
import type { LocalCloudConfig, LocalInstance } from './local-config.js'

export const providerName = 'local'

export class LocalInstances implements Instances {
  private readonly config: () => Promise<LocalCloudConfig>

  constructor(config: () => Promise<LocalCloudConfig>) {
    this.config = config
  }

  async of({ metadata, spec }: Node): Promise<Instance | null> {
    const { instances, region } = await this.config()
    const id = spec?.providerID ?? ''
    const wanted = id === '' ? providerIdOf(metadata.name ?? '') : id
    const found = (instances ?? []).find(({ name }) => providerIdOf(name) === wanted)
    return found === undefined ? null : instanceOf(found, region)
  }
}

const providerIdOf = (name: string): string => `${providerName}://${name}`

function instanceOf(found: LocalInstance, region: string): Instance {
  const { name, addresses, type, zone, shutdown } = found
  return {
    providerId: providerIdOf(name),
    instanceType: type,
    addresses: [
      ...addresses.map(address => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: name },
    ],
    zone,
    region,
    shutdown,
  }
}
