// What `raftsman bench --profile FOLDER` has left, as tables: where the time of a process went, by part of the
// program and by function. Idle time is a part like the others. Run after a build:
//   node dist/bench/run/profile.js FILE.cpuprofile [seconds before its end] [seconds left out at its end]

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { CpuProfile } from '../harness/cpu-profile.js'
import { sharesOf } from '../harness/cpu-profile.js'

/** The window of a scenario as it is, and what stopping takes. */
const usual = { from: '6', to: '0.5' } as const
const functionsShown = 20
const shareMin = 0.005

const [file, from = usual.from, to = usual.to] = process.argv.slice(2)
if (file === undefined) {
  process.stderr.write('node dist/bench/run/profile.js FILE.cpuprofile [from] [to]\n')
  process.exit(1)
}
const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
const { windowMicros, parts, functions } = sharesOf(profile, Number(from) * 1e6, Number(to) * 1e6)
const row = ([name, share]: readonly [string, number]) =>
  `${(100 * share).toFixed(1).padStart(6)}%  ${name}`
const shown = parts.filter(([, share]) => share >= shareMin)
process.stdout.write(`${basename(file)}: ${(windowMicros / 1e6).toFixed(1)} s\n`)
process.stdout.write(`${shown.map(row).join('\n')}\n\n`)
process.stdout.write(`${functions.slice(0, functionsShown).map(row).join('\n')}\n`)
