import { describe, expect, it } from 'vitest'
import type { Volume } from '../api/types/core-volume.js'
import { podOf } from './testing/observation.js'
import { volumeFiles, type VolumeSources } from './volume-files.js'

const sources: VolumeSources = {
  pod: podOf({ metadata: { labels: { app: 'web' } } }),
  place: {
    nodeName: 'node-1',
    hostAddress: '127.0.0.1',
    podAddress: '127.64.0.2',
    allocatable: {},
  },
  configMaps: new Map([
    [
      'settings',
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {},
        data: { a: 'text' },
        binaryData: { b: '/wA=' },
      },
    ],
    ['absent', null],
  ]),
  secrets: new Map([
    ['keys', { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { k: 'dmFsdWU=' } }],
  ]),
  tokens: new Map([['3600 ', 'token-text']]),
}

const filesOf = (volume: Omit<Volume, 'name'>): Record<string, string> =>
  Object.fromEntries(
    [...volumeFiles({ name: 'v', ...volume }, sources)].map(([path, { content, mode }]) => [
      path,
      `${mode.toString(8)} ${Buffer.from(content).toString('latin1')}`,
    ]),
  )

describe('the files of a volume', () => {
  const cases: readonly [string, Omit<Volume, 'name'>, Record<string, string>][] = [
    ['all keys', { configMap: { name: 'settings' } }, { a: '644 text', b: '644 \xff\x00' }],
    [
      'chosen keys at paths of their own',
      {
        configMap: {
          name: 'settings',
          defaultMode: 0o600,
          items: [
            { key: 'a', path: 'deep/a.txt', mode: 0o400 },
            { key: 'b', path: 'b' },
          ],
        },
      },
      { 'deep/a.txt': '400 text', b: '600 \xff\x00' },
    ],
    ['a secret', { secret: { secretName: 'keys' } }, { k: '644 value' }],
    [
      'nothing of what is optional and absent',
      { configMap: { name: 'absent', optional: true } },
      {},
    ],
    [
      'fields of the pod',
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { labels: '644 app="web"' },
    ],
    [
      'several sources together',
      {
        projected: {
          defaultMode: 0o640,
          sources: [
            { configMap: { name: 'settings', items: [{ key: 'a', path: 'a' }] } },
            { secret: { name: 'keys' } },
            { serviceAccountToken: { path: 'token' } },
          ],
        },
      },
      { a: '640 text', k: '640 value', token: '640 token-text' },
    ],
  ]
  it.each(cases)('are %s', (_title, volume, wanted) => {
    expect(filesOf(volume)).toEqual(wanted)
  })

  it.each(['../out', '/abs', 'a/../../b', 'a//b', './a', '..data', ''])(
    'never lie outside of it: %j is refused',
    path => {
      const configMap = { name: 'settings', items: [{ key: 'a', path }] }
      expect(() => filesOf({ configMap })).toThrow(/is no path inside a volume|must not start/)
    },
  )

  it('cannot be had when what they come from is missing', () => {
    expect(() => filesOf({ configMap: { name: 'absent' } })).toThrow('configmap "absent" not found')
    const configMap = { name: 'settings', items: [{ key: 'none', path: 'x' }] }
    expect(() => filesOf({ configMap })).toThrow('references non-existent configmap key: none')
  })
})
