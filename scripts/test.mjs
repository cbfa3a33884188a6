// `npm test`: install what is missing, build what is stale, run every check and every test.
// The last line is the runner's own count. Arguments go to vitest: `npm test -- raft`.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installComponents } from './components.mjs'
import { root, setUp } from './setup.mjs'

setUp()
const missing = installComponents()
for (const { name, elsewhere } of missing) {
  console.error(`MISSING: ${name}. ${elsewhere}. The suites that need it are skipped.`)
}
if (missing.length > 0 && process.env.CI === 'true') {
  console.error('In CI a missing component is a failure.')
  console.log('0 passed, 1 failed')
  process.exit(1)
}

const check = spawnSync(process.execPath, [join(root, 'scripts', 'check.mjs')], {
  cwd: root,
  stdio: 'inherit',
})

const folder = mkdtempSync(join(tmpdir(), 'raftsman-test-'))
const report = join(folder, 'report.json')
const vitest = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, RAFTSMAN_MISSING: missing.map(({ name }) => name).join(',') },
  },
)

let passed = 0
let failed = 0
try {
  const totals = JSON.parse(readFileSync(report, 'utf8'))
  passed = totals.numPassedTests
  // A suite that broke outside a test counts too: it hides the tests it would have run.
  const brokenSuites = totals.testResults.filter(
    suite =>
      suite.status === 'failed' && suite.assertionResults.every(test => test.status !== 'failed'),
  )
  failed = totals.numFailedTests + brokenSuites.length
} catch (error) {
  console.error(`The test runner left no report: ${error.message}`)
  failed = 1
}
rmSync(folder, { recursive: true, force: true })

if (check.status === 0) passed += 1
else failed += 1
if (vitest.status !== 0 && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
