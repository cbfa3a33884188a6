import { expect, it } from 'vitest'
import type { Files, FileStat } from '../../platform/files.js'
import { fileForPod, handToGroup, openToPod, readableByPod } from './volume-access.js'

/** A tree of modes; what ends in a slash is a directory, what ends in @ a link. */
function treeOf(modes: Record<string, number>) {
  const given: string[] = []
  const bare = (name: string): string => name.replace(/[/@]$/, '')
  const nameOf = (path: string) => Object.keys(modes).find(name => bare(name) === path)
  const kindOf = (name: string): FileStat['kind'] =>
    name.endsWith('/') ? 'directory' : name.endsWith('@') ? 'link' : 'file'
  const files = {
    stat(path: string) {
      const name = nameOf(path)
      if (name === undefined) return Promise.resolve(null)
      const mode = modes[name] ?? 0
      return Promise.resolve({ kind: kindOf(name), bytes: 0, modifiedMs: 0, mode })
    },
    list(path: string) {
      const below = Object.keys(modes).map(bare)
      const names = below.filter(name => name.startsWith(`${path}/`))
      return Promise.resolve([
        ...new Set(names.map(name => name.slice(path.length + 1).split('/')[0] ?? '')),
      ])
    },
    setAccess(path: string, mode: number, group: number | null) {
      given.push(`${path} ${mode.toString(8)} ${group}`)
      return Promise.resolve()
    },
  } as Partial<Files> as Files
  return { files, given }
}

it('data are handed to a group with all that is in them, but links are not followed', async () => {
  const { files, given } = treeOf({
    '/v/': 0o755,
    '/v/file': 0o600,
    '/v/script': 0o755,
    '/v/link@': 0o777,
    '/v/sub/': 0o700,
    '/v/sub/deep': 0o640,
  })
  await handToGroup(files, '/v', 7)
  expect(given.sort()).toEqual([
    '/v 2775 7',
    '/v/file 660 7',
    '/v/script 775 7',
    '/v/sub 2770 7',
    '/v/sub/deep 660 7',
  ])
})

it('an empty directory is open to the pod, and files of the node can be read by it', async () => {
  const { files, given } = treeOf({})
  await openToPod(files, '/empty', null)
  await openToPod(files, '/empty', 7)
  await readableByPod(files, '/config', null)
  await readableByPod(files, '/config', 7)
  await fileForPod(files, '/config/key', 0o400, null)
  await fileForPod(files, '/config/key', 0o400, 7)
  expect(given).toEqual([
    '/empty 777 null',
    '/empty 2777 7',
    '/config 755 null',
    '/config 2755 7',
    '/config/key 440 7',
  ])
})
