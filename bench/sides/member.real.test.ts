// A member as a process: what its end means for whoever starts it again.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { must } from '../../platform/errors.js'
import { Member } from './member.js'

/** So much memory takes the kernel a while to take back. */
const program = `Buffer.alloc(500_000_000, 1); setInterval(() => {}, 1_000)`

test('A member that was killed is gone when that is answered, and not before.', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'raftsman-member-'))
  try {
    const place = { name: 'm1', peerAddress: '', clientAddress: '', dataDirectory: directory }
    const launch = { program: process.execPath, args: ['-e', program] }
    const surprises: string[] = []
    const member = new Member(place, launch, directory, {}, said => surprises.push(said))
    await member.start()
    const pid = must(member.pid, 'it runs')
    await member.kill()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect([member.pid, surprises]).toEqual([null, []])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
