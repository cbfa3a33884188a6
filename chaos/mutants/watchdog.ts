// A thread beside a trial: ends the process when a seed takes more processor time than any should. Time on
// the wall says nothing on a machine that has other things to do.

import { parentPort } from 'node:worker_threads'
import { must } from '../../platform/errors.js'

/** A seed of the code as it is takes a hundredth of it. */
const cpuSecondsMax = 120
const lookMs = 1000

let since = process.cpuUsage()
must(parentPort, 'this file is the body of a worker thread').on('message', () => {
  since = process.cpuUsage()
})
setInterval(() => {
  const { user, system } = process.cpuUsage(since)
  if ((user + system) / 1_000_000 > cpuSecondsMax) process.kill(process.pid, 'SIGKILL')
}, lookMs)
