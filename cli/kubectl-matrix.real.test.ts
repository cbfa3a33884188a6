// Unmodified kubectls of several versions against a cluster of real processes: golden scripts of what a real
// cluster prints (cli/testing/kubectl-script.ts has their language). The oldest, 1.32 and the newest that are installed are
// taken; KUBECTL_VERSIONS=all takes every one, KUBECTL_VERSIONS=1.29,1.31 those. docs/kubectl.md has the matrix.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubectlBinaries } from '../orchestrator/apiserver/testing/kubectl.js'
import { KubectlSession } from './testing/kubectl-script.js'
import { LocalCluster } from './testing/local-cluster.js'

const folder = join(import.meta.dirname, 'kubectl-golden')
/** In their order: what one made is there for the next. */
const files = readdirSync(folder).sort()

const known = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33']

function chosen(): readonly (readonly [string, string])[] {
  const found = kubectlBinaries(known).toSorted(([a], [b]) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  const asked = process.env['KUBECTL_VERSIONS'] ?? ''
  if (asked === 'all') return found
  if (asked !== '') return found.filter(([version]) => asked.split(',').includes(version))
  const ends = new Set([found[0]?.[0], '1.32', found.at(-1)?.[0]])
  return found.filter(([version]) => ends.has(version))
}

describe.each(chosen())('kubectl %s', (version, binary) => {
  const cluster = new LocalCluster(7000)
  let session: KubectlSession | null = null

  beforeAll(async () => {
    const { code, stderr } = await cluster.up('--masters', '1', '--nodes', '2')
    if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
    session = new KubectlSession(binary, version, cluster.kubeconfig)
  }, 180_000)

  afterAll(async () => {
    await session?.end()
    await cluster.dispose()
  }, 120_000)

  it.each(files)(
    '%s',
    async file => {
      const script = readFileSync(join(folder, file), 'utf8')
      expect(await session?.replay(script)).toBe(script)
    },
    600_000,
  )
})
