// The real platform as programs get it, with nothing logged: for tests and measurements that run
// real members inside their own process.

import { silentLogger } from '../logger.js'
import { nodeClock } from '../node/clock.js'
import { nodeDisk } from '../node/disk.js'
import { nodeMetrics } from '../node/metrics.js'
import { nodeNetwork } from '../node/network.js'
import { nodeProcesses } from '../node/processes.js'
import { nodeRandom } from '../node/random.js'

/** A new one each time: metrics may be registered once only. */
export const quietPlatform = () => ({
  clock: nodeClock(),
  random: nodeRandom(),
  disk: nodeDisk(),
  network: nodeNetwork(silentLogger),
  processes: nodeProcesses(),
  logger: silentLogger,
  metrics: nodeMetrics(),
})
