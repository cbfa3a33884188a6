// How fast three masters bring pods up, and what nodes at rest cost them: real stores, API servers, scheduler and
// controllers; nodes that run nothing, all of them in this process.
//
//   npm run build && node dist/bench/controllers/controllers.js [rollout traffic]
//
// Prints JSON: {machine, commit, startedAt, paces, figures}, as bench/apiserver does.

import { parseArgs } from 'node:util'
import { measure } from '../apiserver/measure.js'
import { prepare, rollout, type Settings, traffic } from './scenarios.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masters: { type: 'string', default: '3' },
    replicas: { type: 'string', default: '5000' },
    'rollout-nodes': { type: 'string', default: '50' },
    nodes: { type: 'string', default: '5000' },
    pods: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '60' },
    profile: { type: 'boolean', default: false },
  },
})

await measure<Settings>({
  masters: Number(flags.masters),
  scenarios: { rollout, traffic },
  names: positionals.length === 0 ? ['rollout', 'traffic'] : positionals,
  repetitions: 1,
  keep: flags.profile,
  prepare,
  settingsOf: (cluster, say) => ({
    cluster,
    replicas: Number(flags.replicas),
    rolloutNodes: Number(flags['rollout-nodes']),
    nodes: Number(flags.nodes),
    pods: Number(flags.pods),
    seconds: Number(flags.seconds),
    say,
    profile: flags.profile,
  }),
})
