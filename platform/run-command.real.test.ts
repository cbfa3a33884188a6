import { expect, it } from 'vitest'
import { nodeClock } from './node/clock.js'
import { nodeProcesses } from './node/processes.js'
import { CommandError, type CommandSpec, runCommand } from './run-command.js'

const run = (args: readonly string[], more: Partial<CommandSpec> = {}) =>
  runCommand(nodeProcesses(), nodeClock(), {
    command: 'sh',
    args: ['-c', ...args],
    searchPath: process.env['PATH'] ?? '',
    timeoutMs: 20_000,
    outputBytesMax: 100_000,
    ...more,
  })

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => (error instanceof CommandError ? error.code : error),
  )

it('a command is given its input, and all that it says comes back, whatever its end', async () => {
  const input = 'x'.repeat(80_000)
  const result = await run(['cat; echo no >&2; exit 3'], { input })
  expect(result).toEqual({ exitCode: 3, stdout: input, stderr: 'no\n' })
})

it('a command that never reads its input ends all the same', async () => {
  const { exitCode } = await run(['exit 0'], { input: 'x'.repeat(1_000_000) })
  expect(exitCode).toBe(0)
})

it('a command beyond a limit is ended, and says which', async () => {
  expect(await failure(run(['sleep 60'], { timeoutMs: 50 }))).toBe('command-timeout')
  expect(await failure(run(['yes']))).toBe('command-output')
  expect(await failure(run([], { command: 'no-such-program' }))).toBe('command-not-started')
})
