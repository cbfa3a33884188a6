// One thread of a batch: takes seeds, gives results.

import { parentPort, workerData } from 'node:worker_threads'
import { must } from '../../platform/errors.js'
import type { SeedOverrides } from './run-seed.js'
import { runSeed } from './run-seed.js'

const port = must(parentPort, 'this file is the body of a worker thread')
const overrides = workerData as SeedOverrides

port.on('message', (seed: number) => {
  void runSeed(seed, overrides).then(result => port.postMessage(result))
})
