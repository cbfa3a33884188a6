// The cloud that is this machine: nodes that are processes or network namespaces, balancers that are listeners.
// It is real: what it is asked for is there and works, without an account anywhere.

import type { Clock } from '../../../../platform/clock.js'
import type { Logger } from '../../../../platform/logger.js'
import type { Random } from '../../../../platform/random.js'
import type { Service } from '../../../api/types/core-service.js'
import type { CloudProvider } from '../../provider.js'
import { LocalBalancers } from './local-balancers.js'
import { LocalConfigError, type LocalCloudConfig, parseLocalConfig } from './local-config.js'
import { LocalInstances, providerName } from './local-instances.js'
import { LocalRoutes, type RunIp } from './local-routes.js'

export interface LocalProviderOptions {
  /** Text of its file, read anew each time; null where there is none. */
  readonly readConfig: () => Promise<string | null>
  readonly services: () => readonly Service[]
  readonly ip: RunIp
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Throws LocalConfigError for a file that says nothing sensible now. */
export async function localProvider(options: LocalProviderOptions): Promise<CloudProvider> {
  const config = async (): Promise<LocalCloudConfig> => {
    const text = await options.readConfig()
    if (text === null) throw new LocalConfigError('the file of the local cloud is not there')
    return parseLocalConfig(text)
  }
  const { instances, routes, loadBalancerCidr } = await config()
  const balancers =
    loadBalancerCidr === null
      ? null
      : new LocalBalancers({
          ...options,
          cidr: async () => (await config()).loadBalancerCidr,
        })
  return {
    name: providerName,
    instances: instances === null ? null : new LocalInstances(config),
    routes: routes ? new LocalRoutes(config, options.ip) : null,
    loadBalancers: balancers,
    close() {
      balancers?.close()
      return Promise.resolve()
    },
  }
}
