// The page for people lists the differences that are meant, as the comparison itself knows them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { exceptions } from './exceptions.js'

const page = readFileSync(join(import.meta.dirname, '../../docs/etcd.md'), 'utf8')

test('every exception stands in docs/etcd.md, and there is no other', () => {
  const [, table = ''] =
    /\| where the two differ \| why \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(page) ?? []
  const rows = exceptions.map(({ difference, reason }) => `| ${difference} | ${reason} |\n`)
  expect(table).toBe(rows.join(''))
})
