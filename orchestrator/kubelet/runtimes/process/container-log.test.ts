import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RaftsmanError } from '../../../../platform/errors.js'
import type { Files, OpenFile } from '../../../../platform/files.js'
import { nodeFiles } from '../../../../platform/node/node-files.js'
import { ContainerLog } from './container-log.js'
import { readContainerLog } from '../../logs/log-reader.js'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'container-log-'))
  mkdirSync(join(directory, 'io'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Files that work for `writes` calls and fail from then on, as if the process died there. */
function dyingFiles(writes: number): Files {
  let left = writes
  const dies = <T>(action: () => Promise<T>): Promise<T> => {
    left -= 1
    if (left >= 0) return action()
    const traits = { code: 'file-io', retryable: false, outcome: 'unknown' } as const
    return Promise.reject(new RaftsmanError('dead', traits))
  }
  const wrap = (file: OpenFile): OpenFile => ({
    read: (position, length) => file.read(position, length),
    write: (bytes, position) => dies(() => file.write(bytes, position)),
    truncate: size => file.truncate(size),
    bytes: () => file.bytes(),
    close: () => file.close(),
  })
  return {
    ...nodeFiles,
    open: async (path, mode) => wrap(await nodeFiles.open(path, mode)),
    removeTree: path => dies(() => nodeFiles.removeTree(path)),
  }
}

const logOver = (files: Files, generationBytesMax: number): ContainerLog =>
  new ContainerLog({
    directory,
    files,
    wallMs: () => Date.UTC(2026, 0, 1),
    generationBytesMax,
    release() {},
  })

async function textOf(log: ContainerLog): Promise<string> {
  const query = {
    follow: false,
    tailLines: null,
    sinceMs: null,
    timestamps: false,
    limitBytes: null,
  }
  let text = ''
  for await (const piece of readContainerLog(log, nodeFiles, query, new AbortController().signal)) {
    text += Buffer.from(piece).toString('utf8')
  }
  return text
}

const linesFrom = (first: number, count: number): string =>
  Array.from({ length: count }, (_, at) => `line ${first + at}\n`).join('')

describe('a log whose writer dies', () => {
  // Each pump of a chunk makes two writes; the third falls between log and position of the second.
  const deaths = Array.from({ length: 12 }, (_, writes) => writes)
  it.each(deaths)('after %i writes has every line once when another takes over', async writes => {
    const first = logOver(dyingFiles(writes), 1_000_000)
    for (let round = 0; round < 6; round += 1) {
      appendFileSync(join(directory, 'io/stdout'), linesFrom(round * 100, 100))
      await first.pump(false)
    }
    await first.close()
    const second = logOver(nodeFiles, 1_000_000)
    await second.pump(false)
    appendFileSync(join(directory, 'io/stdout'), linesFrom(600, 100))
    await second.pump(true)
    expect(await textOf(second)).toBe(linesFrom(0, 700))
    await second.close()
  })

  it.each(deaths)('after %i writes loses no line in a change of generation', async writes => {
    const size = 4000
    const first = logOver(dyingFiles(writes), size)
    for (let round = 0; round < 3; round += 1) {
      appendFileSync(join(directory, 'io/stdout'), linesFrom(round * 50, 50))
      await first.pump(false)
    }
    await first.close()
    const second = logOver(nodeFiles, size)
    await second.pump(true)
    const text = await textOf(second)
    expect(text.endsWith(linesFrom(100, 50))).toBe(true)
    expect(linesFrom(0, 150).endsWith(text)).toBe(true)
    await second.close()
  })
})

describe('a line without an end', () => {
  it('is held back until it ends, and written in part when nothing can follow', async () => {
    const log = logOver(nodeFiles, 1_000_000)
    appendFileSync(join(directory, 'io/stdout'), 'one\ntw')
    await log.pump(false)
    expect(await textOf(log)).toBe('one\n')
    appendFileSync(join(directory, 'io/stdout'), 'o\nthr')
    await log.pump(false)
    expect(await textOf(log)).toBe('one\ntwo\n')
    await log.pump(true)
    expect(await textOf(log)).toBe('one\ntwo\nthr')
    expect(log.complete).toBe(true)
  })
})
