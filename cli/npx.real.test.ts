// The command as the README calls it: by its name, inside the repository.

import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { projectRoot } from './testing/local-cluster.js'

it('answers to `npx raftsman`', () => {
  const { status, stdout, stderr } = spawnSync('npx', ['--no-install', 'raftsman', '--version'], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
