// `kubectl explain` of every kind, as versions over six releases print it: from the OpenAPI v3 documents,
// and from the v2 document where it is asked for.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Kind } from '../api/kind.js'
import { kinds } from '../api/kinds.js'
import type { StructDescription } from '../api/openapi/descriptions.js'
import type { StructSchema, TypeSchema } from '../api/schema.js'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

/** Every run of kubectl costs much: the oldest and the newest. */
const versions = ['1.27', '1.33']
const atOnce = 3

/** Other words than those of the build, to be found in what is printed. */
const words: ReadonlyMap<string, StructDescription> = new Map([
  [
    'io.k8s.api.core.v1.PodSpec',
    { description: 'All about a boat.', fields: { nodeName: 'Where the boat lies.' } },
  ],
  ['io.k8s.api.core.v1.PodDNSConfig', { description: 'How the boat is called.', fields: {} }],
])

let server: TestApiserver

beforeAll(async () => {
  server = await startTestApiserver({ overrides: { descriptions: () => words } })
})

afterAll(() => server.close())

/** Some at a time: kubectl is a heavy process. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items]
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function structOf(type: TypeSchema): StructSchema | null {
  if (type.type === 'struct') return type
  if (type.type === 'list') return structOf(type.items)
  return type.type === 'map' ? structOf(type.values) : null
}

/** Of a field, whose name may have a $ in front. */
function line(name: string): RegExp {
  return new RegExp(`^ +${name.replace('$', String.raw`\$`)}\\t`, 'm')
}

/** Field names as deep as they are looked at here. */
function fieldNames(schema: StructSchema, depth: number): readonly string[] {
  return [...schema.fields].flatMap(([name, { type }]) => {
    const inner = depth > 1 ? structOf(type) : null
    return [name, ...(inner === null ? [] : fieldNames(inner, depth - 1))]
  })
}

/** The first struct on the way down, as far as there are any: pods.spec.affinity.nodeAffinity. */
function deepPath(schema: StructSchema): readonly string[] {
  for (const [name, { type }] of schema.fields) {
    const inner = name === 'metadata' ? null : structOf(type)
    if (inner !== null) return [name, ...deepPath(inner)]
  }
  const [leaf] = schema.fields.keys()
  return leaf === undefined ? [] : [leaf]
}

const apiVersionOf = ({ group, version }: Kind) => (group === '' ? version : `${group}/${version}`)

describe.each(kubectlBinaries(versions))('kubectl %s', (_, binary) => {
  let kubectl: Kubectl

  beforeAll(async () => {
    kubectl = kubectlWith(binary, server.kubeconfig)
    await kubectl.ok('api-resources')
  })

  const explain = (kind: Kind, path: readonly string[], ...flags: readonly string[]) =>
    kubectl.ok(
      'explain',
      [kind.plural, ...path].join('.'),
      `--api-version=${apiVersionOf(kind)}`,
      ...flags,
    )

  test('explains every kind with all its fields', async () => {
    await forEach(kinds, async kind => {
      const text = await explain(kind, [], '--recursive')
      expect(text).toMatch(new RegExp(`^KIND: +${kind.kind}$`, 'm'))
      expect(text).toMatch(new RegExp(`^VERSION: +${kind.version}$`, 'm'))
      for (const name of fieldNames(kind.schema, 4)) {
        expect(text, `${kind.kind} ${name}`).toMatch(line(name))
      }
    })
  })

  test('explains what lies deep in every kind', async () => {
    await forEach(kinds, async kind => {
      const path = deepPath(kind.schema)
      const text = await explain(kind, path)
      expect(text).toMatch(new RegExp(`^FIELD: +${path.at(-1) ?? ''}\\b`, 'm'))
    })
  })

  test('explains every kind from the old document too', async () => {
    // There kubectl takes the kind from whoever has the name first, which is no kind of this group.
    const known = kinds.filter(({ group }) => group !== 'metrics.k8s.io')
    await forEach(known, async kind => {
      const flag = '--output=plaintext-openapiv2'
      const text = await explain(kind, [], flag, '--recursive')
      expect(text).toMatch(new RegExp(`^KIND: +${kind.kind}$`, 'm'))
      for (const name of fieldNames(kind.schema, 2)) {
        expect(text, `${kind.kind} ${name}`).toMatch(line(name))
      }
    })
  })

  test.each([[[]], [['--output=plaintext-openapiv2']]])(
    'says what fields mean (%s)',
    async flags => {
      const spec = await kubectl.ok('explain', 'pod.spec', ...flags)
      expect(spec).toContain('All about a boat.')
      expect(spec).toMatch(/nodeName\s+<string>\n\s+Where the boat lies\./)
      expect(spec).toMatch(/containers\s+<\[\](Container|Object)> -required-/)
      // A field without words of its own has those of its type.
      expect(spec).toMatch(/dnsConfig\s+<(PodDNSConfig|Object)>\n\s+How the boat is called\./)
      const nodeName = await kubectl.ok('explain', 'pod.spec.nodeName', ...flags)
      expect(nodeName).toContain('Where the boat lies.')
    },
  )
})

test('the build has words for every kind that is served', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  execFileSync(process.execPath, ['scripts/describe.mjs'], { cwd: root })
  const text = readFileSync(`${root}/dist/api-descriptions.json`, 'utf8')
  const texts = JSON.parse(text) as Readonly<Record<string, StructDescription>>
  // The library does not know what metrics servers have; its words are ours.
  const wordsOf = ({ schema }: Kind) => texts[schema.name]?.description ?? schema.description
  const without = kinds.filter(kind => wordsOf(kind) === '')
  expect(without.map(({ kind }) => kind)).toEqual([])
  const podSpec = texts['io.k8s.api.core.v1.PodSpec']
  expect(podSpec?.description).toMatch(/pod/i)
  expect(podSpec?.fields['nodeName']).toMatch(/node/i)
  // What the library has escaped, and what it has put into names that are words of TypeScript.
  expect(text).not.toMatch(/\\\\'|"_continue"|\*_\//)
  const rule = texts['io.k8s.api.networking.v1.NetworkPolicyIngressRule']
  expect(Object.keys(rule?.fields ?? {})).toContain('from')
})
