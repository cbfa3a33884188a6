import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LogSink } from './log-sink.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raftsman-log-sink-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('a log sink', () => {
  it('writes lines in their order', async () => {
    const path = join(folder, 'log')
    const fd = openSync(path, 'a')
    const sink = new LogSink({ fd })
    for (let number = 0; number < 100; number += 1) sink.write(`line ${number}\n`)
    await vi.waitFor(() => expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(101))
    expect(readFileSync(path, 'utf8')).toMatch(/^line 0\nline 1\n[\s\S]*line 99\n$/)
    closeSync(fd)
  })

  it('drops and counts what the disk does not take, and goes on', async () => {
    // Every write to this device fails for want of room.
    const fd = openSync('/dev/full', 'a')
    const sink = new LogSink({ fd })
    sink.write('lost\n')
    await vi.waitFor(() => expect(sink.dropped).toBe(1))
    sink.write('lost too\n')
    await vi.waitFor(() => expect(sink.dropped).toBe(2))
    sink.write('last words\n')
    sink.flushAtExit()
    closeSync(fd)
  })

  it('drops lines above its bound instead of holding them', () => {
    const fd = openSync('/dev/full', 'a')
    const sink = new LogSink({ fd, queueCharactersMax: 10 })
    sink.write('first\n')
    sink.write('second\n')
    sink.write('third\n')
    expect(sink.dropped).toBeGreaterThan(0)
    closeSync(fd)
  })

  it('writes what waits at the end of the process', () => {
    const path = join(folder, 'log')
    const fd = openSync(path, 'a')
    const sink = new LogSink({ fd })
    sink.write('on its way\n')
    sink.write('waiting\n')
    sink.flushAtExit()
    expect(readFileSync(path, 'utf8')).toContain('waiting')
    closeSync(fd)
  })
})
