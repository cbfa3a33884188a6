// The table of several runs, as Markdown. Run after a build:
//   node dist/bench/run/compare.js RUN.json…

import { readFileSync } from 'node:fs'
import { compared, markdownOf } from './comparison.js'
import type { BenchReport } from './report.js'

const files = process.argv.slice(2)
if (files.length === 0) {
  process.stderr.write('node dist/bench/run/compare.js RUN.json…\n')
  process.exit(1)
}
const reports = files.map(file => JSON.parse(readFileSync(file, 'utf8')) as BenchReport)
process.stdout.write(`${markdownOf(compared(reports)).join('\n')}\n`)
