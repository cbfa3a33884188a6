// How much the API servers of three masters take, over TLS, with everything on that is on by default.
//
//   npm run build && node dist/bench/apiserver/apiserver.js [create get list watch memory]
//
// Prints JSON: {machine, commit, startedAt, paces, figures: [{name, value, unit, detail}]}, with the machine's pace
// before the first scenario and after each. Without names all but `memory`, which fills 150,000 pods.

import { parseArgs } from 'node:util'
import { measure } from './measure.js'
import type { Settings } from './scenarios.js'
import { create, get, list, memory, prepare, watch } from './scenarios.js'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masters: { type: 'string', default: '3' },
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    pods: { type: 'string', default: '10000' },
    watchers: { type: 'string', default: '1000' },
    'watch-rate': { type: 'string', default: '5' },
    'stored-pods': { type: 'string', default: '150000' },
    repetitions: { type: 'string', default: '1' },
    profile: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})

await measure<Settings>({
  masters: Number(flags.masters),
  scenarios: { create, get, list, watch, memory },
  names: positionals.length === 0 ? ['create', 'get', 'list', 'watch'] : positionals,
  repetitions: Number(flags.repetitions),
  keep: flags.profile || flags.keep,
  prepare,
  settingsOf: (cluster, say) => ({
    cluster,
    clients: Number(flags.clients),
    seconds: Number(flags.seconds),
    pods: Number(flags.pods),
    watchers: Number(flags.watchers),
    watchRate: Number(flags['watch-rate']),
    storedPods: Number(flags['stored-pods']),
    say,
    profile: flags.profile,
  }),
})
