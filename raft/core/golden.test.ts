// Golden scripts, one a file in golden/: what a cluster does, told so that a person can check it
// against the paper. docs/raft-scripts.md explains the language. UPDATE_GOLDEN=1 writes the traces
// anew; what changed is then to be read, line by line, before it is committed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { replay } from './testing/script.js'

const folder = join(import.meta.dirname, 'golden')
const page = join(import.meta.dirname, '../../docs/raft-scripts.md')
const update = process.env['UPDATE_GOLDEN'] === '1'
const files = readdirSync(folder).sort()

/** The comment that a script opens with is its name. */
function nameOf(script: string): string {
  const lines = script.split('\n')
  const end = lines.findIndex(line => !line.startsWith('#'))
  return lines
    .slice(0, end)
    .map(line => line.slice(1).trim())
    .join(' ')
}

describe('a golden script', () => {
  for (const file of files) {
    const path = join(folder, file)
    const script = readFileSync(path, 'utf8')
    test(`${file}: ${nameOf(script)}`, () => {
      const happened = replay(script)
      if (update && happened !== script) writeFileSync(path, happened)
      else expect(happened).toBe(script)
    })
  }

  test('opens with the sentence that it shows, is a .txt, and ends in a new line', () => {
    expect(files.length).toBeGreaterThanOrEqual(25)
    for (const file of files) {
      const script = readFileSync(join(folder, file), 'utf8')
      expect(file).toMatch(/^[a-z0-9-]+\.txt$/)
      expect(nameOf(script), file).toMatch(/^.{20,}$/)
      expect(script.endsWith('\n'), file).toBe(true)
    }
  })
})

describe('the language of the scripts', () => {
  test.each([
    ['> nodes 1\n> frobnicate 1', 'line 2: > frobnicate 1: there is no such command'],
    ['> nodes 1\n> tick 2', 'line 2: > tick 2: there is no node 2'],
    ['> nodes 1\n\n> tick 1 x', 'line 3: > tick 1 x: x is not a number'],
    ['> nodes 1\n> persist 1', 'line 2: > persist 1: 1 has nothing to write'],
    ['> nodes 1 2 3\n> partition 1 | 2 3\n> lead 1', 'line 3: > lead 1: it is not elected'],
  ])('says what it does not understand: %j', (script, sentence) => {
    expect(() => replay(script)).toThrow(sentence)
  })

  test('keeps comments and empty lines, and puts a wrong trace right', () => {
    const script = '# why\n\n> nodes 1\n> elect 1\n> status\n  1 is the emperor\n'
    const right = '  1 leader term 1 commit 1 applied 1 last 1\n'
    expect(replay(script)).toBe(`# why\n\n> nodes 1\n> elect 1\n> status\n${right}`)
  })

  test('is explained in its page, command by command', () => {
    const text = readFileSync(page, 'utf8')
    let sentence = ''
    try {
      replay('> ?')
    } catch (error) {
      sentence = String(error)
    }
    const verbs = sentence.split('there are: ')[1]?.split(' ') ?? []
    expect(verbs.length).toBeGreaterThan(20)
    for (const verb of verbs) expect(text).toMatch(new RegExp(`^\\| .*\`${verb}[ \`]`, 'm'))
  })

  test('is shown by an example in its page that is true', () => {
    const examples = readFileSync(page, 'utf8').match(/(?<=```raft\n)[^]*?(?=```)/g) ?? []
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect(replay(example)).toBe(example)
  })
})
