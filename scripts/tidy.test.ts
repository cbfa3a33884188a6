// Keeps the habits that no linter knows: names, sizes, opening comments, and words that mean
// "unfinished". The list of exceptions is empty, and stays so.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const rooms = [
  'platform',
  'raft',
  'store',
  'orchestrator',
  'testing',
  'cli',
  'bench',
  'chaos',
  'scripts',
]

function* sourcesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sourcesBelow(path)
    else if (/\.(ts|mjs)$/.test(entry.name)) yield path
  }
}

const sources = rooms
  .map(room => join(root, room))
  .filter(folder => existsSync(folder))
  .flatMap(folder => [...sourcesBelow(folder)])
  .map(path => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))

/** Paths, with what is wrong, of those for which `complaint` has something to say. */
const findings = (
  complaint: (source: (typeof sources)[number]) => string | null,
): readonly string[] =>
  sources.flatMap(source => {
    const said = complaint(source)
    return said === null ? [] : [`${source.path}: ${said}`]
  })

const firstMatch = (pattern: RegExp, text: string): string | null => pattern.exec(text)?.[0] ?? null

// With a letter in brackets, so that this file does not find itself.
const unfinished = /\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b|not (yet )?implemente[d]/
const escapes = /@ts-(ignor[e]|nochec[k]|expect-erro[r])|(ox|es)lint-disabl[e]/
const unrunTests = /\b(it|test|describe)\.(ski[p]|tod[o]|onl[y]|fail[s])\(|\bretry: *[1-9]/

describe('the house is tidy', () => {
  it('and there is something to look at', () => {
    expect(sources.length).toBeGreaterThan(300)
  })

  it('files hold one concept: at most 600 lines', () => {
    expect(
      findings(({ text }) => {
        const lines = text.split('\n').length - 1
        return lines > 600 ? `${lines} lines` : null
      }),
    ).toEqual([])
  })

  it('files are kebab-case nouns that say something', () => {
    expect(
      findings(({ path }) => {
        const name = basename(path).replace(/(\.(real|sim))?(\.test)?\.(ts|mjs)$/, '')
        if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return 'not kebab-case'
        return /^(utils?|helpers?|common|misc)$/.test(name) ? 'says nothing' : null
      }),
    ).toEqual([])
  })

  it('files open with what they are', () => {
    expect(
      findings(({ path, text }) => {
        if (path.endsWith('.test.ts')) return null
        return /^(#!.*\n)?\/\/ ./.test(text) ? null : 'no opening comment'
      }),
    ).toEqual([])
  })

  it('nothing is left for later in the code', () => {
    expect(findings(({ text }) => firstMatch(unfinished, text))).toEqual([])
  })

  it('types and lint are not escaped from', () => {
    expect(findings(({ text }) => firstMatch(escapes, text))).toEqual([])
  })

  it('every test runs, once', () => {
    expect(findings(({ text }) => firstMatch(unrunTests, text))).toEqual([])
  })

  it('only platform/node reads the clock of the machine in raft and store', () => {
    expect(
      findings(({ path, text }) => {
        if (!/^(raft|store)\//.test(path) || /\.test\.ts$|\/testing\//.test(path)) return null
        return firstMatch(
          /\bDate\.now|\bMath\.random|\bsetTimeout\(|\bsetInterval\(|\bperformance\.now/,
          text,
        )
      }),
    ).toEqual([])
  })
})
