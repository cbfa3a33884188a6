import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadKubeconfig } from './kubeconfig-file.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-kubeconfig-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('paths inside the file are relative to the file', () => {
  writeFileSync(join(folder, 'ca.crt'), 'CA')
  const config = {
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://h', 'certificate-authority': 'ca.crt' } }],
    users: [{ name: 'u', user: { token: 't' } }],
  }
  writeFileSync(join(folder, 'config'), JSON.stringify(config))
  expect(loadKubeconfig(join(folder, 'config'))).toEqual({
    server: 'https://h',
    tls: { ca: 'CA' },
    bearerToken: 't',
    namespace: 'default',
  })
})

test('a file that is not there is named', () => {
  expect(() => loadKubeconfig(join(folder, 'none'))).toThrow('none: ENOENT')
})
