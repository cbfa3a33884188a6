import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { ExtensionDocuments } from './extension-documents.js'
import type { Answer, Ask } from './extension-documents.js'

const group = 'zoo.example.com'
const root = `/apis/${group}/v1`
const index = (url: string) =>
  JSON.stringify({ paths: { [root.slice(1)]: { serverRelativeURL: url } } })
const documentOf = (description: string) =>
  JSON.stringify({
    swagger: '2.0',
    paths: { [root]: { get: { responses: { 200: { schema: { $ref: '#/definitions/Lion' } } } } } },
    definitions: { Lion: { type: 'object', description } },
  })
const okay = (text: string, etag = ''): Answer => ({ status: 200, etag, text })
const status = (code: number): Answer => ({ status: code, etag: '', text: '' })
const silence = new Error('context deadline exceeded')

let changes: number
let documents: ExtensionDocuments
let asked: string[]
/** What the server says from now on, by path. */
let said: Map<string, Answer | Error>

const ask: Ask = (path, etag) => {
  asked.push(etag === '' ? path : `${path} unless ${etag}`)
  const answer = said.get(path) ?? status(404)
  return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
}

const say = (v2: Answer | Error, v3: Answer | Error = status(404)) => {
  said = new Map([
    ['/openapi/v2', v2],
    ['/openapi/v3', v3],
  ])
}
const refresh = () => documents.refresh(group, 'v1', ask)
const lion = () => documents.v2(group, 'v1')?.definitions['Lion']

beforeEach(() => {
  changes = 0
  asked = []
  documents = new ExtensionDocuments(silentLogger, () => {
    changes += 1
  })
})

test('a document is told once, asked for by its tag, and told again when it is another', async () => {
  say(okay(documentOf('large'), '"1"'))
  await refresh()
  expect([changes, lion()]).toEqual([1, { type: 'object', description: 'large' }])
  say(status(304))
  await refresh()
  expect(asked.at(-1)).toBe('/openapi/v2 unless "1"')
  expect([changes, lion()]).toEqual([1, { type: 'object', description: 'large' }])
  say(okay(documentOf('small'), '"2"'))
  await refresh()
  expect([changes, lion()]).toEqual([2, { type: 'object', description: 'small' }])
})

test('a server without tags is heard, and nothing changes while it says the same', async () => {
  say(okay(documentOf('large')))
  await refresh()
  await refresh()
  expect([asked.at(-1), changes]).toEqual(['/openapi/v2', 1])
})

describe('what is broken changes nothing:', () => {
  const cases: readonly [string, Answer | Error][] = [
    ['silence', silence],
    ['an error', status(500)],
    ['a refusal', status(403)],
    ['half a document', okay('{"swagger":"2.0","pa')],
    ['another document', okay('{"openapi":"3.0.0"}')],
    ['a document that clients could not read', okay(documentOf('').replace('Lion":', 'Cub":'))],
    ['a document that is too long', okay(documentOf('x'.repeat(33 * 1024 * 1024)))],
    ['nesting without end', okay('['.repeat(100_000))],
  ]
  test.each(cases)('%s', async (_, broken) => {
    say(okay(documentOf('large'), '"1"'), okay(index(`/openapi/v3${root}?hash=1`)))
    await refresh()
    // What has paths is an index, of which nothing is wrong but that this one is not in it.
    const indexToo = broken instanceof Error || !broken.text.includes('"paths"')
    say(broken, indexToo ? broken : silence)
    await refresh()
    expect(changes).toBe(2)
    expect(lion()).toEqual({ type: 'object', description: 'large' })
    expect(documents.v3(group, 'v1')).toEqual({
      kind: 'passed',
      url: `/openapi/v3${root}?hash=1`,
    })
    // It is good again as soon as it is.
    say(okay(documentOf('small')))
    await refresh()
    expect(lion()).toEqual({ type: 'object', description: 'small' })
  })
})

test('a document of v3 is where the server says, below its own path, else it is made', async () => {
  say(okay(documentOf('large')), okay(index(`/openapi/v3${root}?hash=1`)))
  await refresh()
  expect(documents.v3(group, 'v1')).toMatchObject({ kind: 'passed' })
  for (const foreign of ['/api/v1/secrets', 'https://example.com/', '/openapi/v3/apis/apps/v1']) {
    say(okay(documentOf('large')), okay(index(foreign)))
    await refresh()
    expect(documents.v3(group, 'v1')).toMatchObject({ kind: 'made', from: { group } })
  }
  say(status(404))
  await refresh()
  expect(documents.v3(group, 'v1')).toBeNull()
})

test('with the server goes what it said, also while it is being asked', async () => {
  say(okay(documentOf('large')))
  await refresh()
  documents.forget(group, 'v1')
  expect([changes, documents.v2(group, 'v1')]).toEqual([2, null])
  const late = refresh()
  documents.forget(group, 'v1')
  const before = changes
  await late
  expect([changes, documents.v2(group, 'v1')]).toEqual([before, null])
})

test('one is asked once at a time', async () => {
  say(okay(documentOf('large')))
  await Promise.all([refresh(), refresh(), refresh()])
  expect(asked).toEqual(['/openapi/v3', '/openapi/v2'])
})
