// `npm run check`: types, lint with the table of rooms, dead code and format, in seconds.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './setup.mjs'

const checks = [
  { name: 'types', command: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--quiet'] },
  { name: 'dead code', command: 'knip', args: ['--no-progress'] },
  { name: 'format', command: 'biome', args: ['format', '.'] },
]

let failed = 0
for (const { name, command, args } of checks) {
  const startedAt = performance.now()
  const binary = join(root, 'node_modules', '.bin', command)
  const result = spawnSync(binary, args, { cwd: root, encoding: 'utf8' })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (result.status === 0) {
    console.log(`ok      ${name} (${seconds} s)`)
    continue
  }
  failed += 1
  console.log(`failed  ${name} (${seconds} s)\n${result.stdout}${result.stderr}`)
}
process.exit(failed === 0 ? 0 : 1)
