import { describe, expect, test } from 'vitest'
import { fieldAt, withField } from './object-fields.js'
import { prepareCreate, prepareFinalize, prepareStatusUpdate, prepareUpdate } from './strategy.js'
import { kindOf, objectOf } from './testing/objects.js'

const context = { now: '2026-01-02T03:04:05Z', uid: 'u', suffix: 'x7z2b', namespace: 'a' }
const deployments = kindOf('deployments', 'apps')

const deployment = (spec: object, metadata: object = {}, status: object = { replicas: 1 }) =>
  objectOf(
    'Deployment',
    { name: 'd', namespace: 'a', uid: 'u', generation: 3, resourceVersion: '9', ...metadata },
    { spec: { ...spec }, status: { ...status } },
    'apps/v1',
  )

describe('preparing a create', () => {
  test('what only the system may state is set, whatever the client wrote', () => {
    const forged = deployment({ replicas: 1 }, { uid: 'mine', deletionTimestamp: 'x' })
    expect(prepareCreate(deployments, forged, context)).toEqual(
      objectOf(
        'Deployment',
        {
          name: 'd',
          namespace: 'a',
          uid: 'u',
          creationTimestamp: '2026-01-02T03:04:05Z',
          generation: 1,
        },
        { spec: { replicas: 1 }, status: {} },
        'apps/v1',
      ),
    )
  })

  test('a name is made from generateName, short enough for a label', () => {
    const named = (generateName: string) =>
      prepareCreate(kindOf('pods'), objectOf('Pod', { generateName }), context).metadata.name
    expect(named('web-')).toBe('web-x7z2b')
    expect(named('a'.repeat(80))).toBe(`${'a'.repeat(58)}x7z2b`)
  })

  test('a pod starts Pending, a namespace Active and held; a node keeps its status', () => {
    const pod = prepareCreate(kindOf('pods'), objectOf('Pod', { name: 'p' }), context)
    expect(fieldAt(pod, 'status')).toEqual({ phase: 'Pending' })
    const namespace = prepareCreate(
      kindOf('namespaces'),
      objectOf('Namespace', { name: 'n' }),
      context,
    )
    expect(fieldAt(namespace, 'status.phase')).toBe('Active')
    expect(fieldAt(namespace, 'spec.finalizers')).toEqual(['kubernetes'])
    expect(namespace.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'n' })
    expect(namespace.metadata.namespace).toBeUndefined()
    const node = objectOf('Node', { name: 'n' }, { status: { capacity: { cpu: '1' } } })
    expect(fieldAt(prepareCreate(kindOf('nodes'), node, context), 'status.capacity.cpu')).toBe('1')
  })
})

describe('preparing an update', () => {
  const old = deployment({ replicas: 1 })

  test('a change of spec raises the generation, one of labels or status does not', () => {
    const generation = (next: ReturnType<typeof deployment>) =>
      prepareUpdate(deployments, next, old).metadata.generation
    expect(generation(deployment({ replicas: 2 }))).toBe(4)
    expect(generation(deployment({ replicas: 1 }, { labels: { a: 'b' } }))).toBe(3)
    expect(generation(deployment({ replicas: 1 }, {}, { replicas: 7 }))).toBe(3)
    expect(generation(deployment({ replicas: 1 }, { generation: 99 }))).toBe(3)
    expect(generation(deployment({ replicas: 1 }, { annotations: { a: 'b' } }))).toBe(4)
  })

  test('the main endpoint leaves the status alone, /status leaves the spec alone', () => {
    const next = deployment({ replicas: 2 }, { labels: { a: 'b' } }, { replicas: 7 })
    const main = prepareUpdate(deployments, next, old)
    expect([fieldAt(main, 'spec.replicas'), fieldAt(main, 'status.replicas')]).toEqual([2, 1])
    const status = prepareStatusUpdate(deployments, next, old)
    expect([fieldAt(status, 'spec.replicas'), fieldAt(status, 'status.replicas')]).toEqual([1, 7])
    expect(status.metadata.labels).toBeUndefined()
    expect(status.metadata.generation).toBe(3)
  })

  test('a status write cannot mark for deletion or change who it is', () => {
    const next = deployment({}, { uid: 'other', deletionTimestamp: 'x', name: 'e' })
    const { metadata } = prepareStatusUpdate(deployments, next, old)
    expect(metadata).toEqual(old.metadata)
  })

  test('what of the metadata goes with the status differs by kind', () => {
    const owners = [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'w' }]
    const theirs = { labels: { a: 'b' }, annotations: { c: 'd' }, ownerReferences: owners }
    const changed = (plural: string, group?: string) => {
      const kind = kindOf(plural, group)
      const next = objectOf(kind.kind, { name: 'x', ...theirs })
      return prepareStatusUpdate(kind, next, objectOf(kind.kind, { name: 'x' })).metadata
    }
    expect(changed('nodes')).toEqual({ name: 'x', ...theirs })
    const { labels, annotations, ownerReferences } = theirs
    expect(changed('pods')).toEqual({ name: 'x', labels, annotations })
    expect(changed('deployments', 'apps')).toEqual({ name: 'x', annotations, ownerReferences })
  })

  test('finalizers of a namespace change through /finalize only', () => {
    const kind = kindOf('namespaces')
    const held = objectOf('Namespace', { name: 'n' }, { spec: { finalizers: ['kubernetes'] } })
    const freed = withField(held, 'spec.finalizers', [])
    expect(fieldAt(prepareUpdate(kind, freed, held), 'spec.finalizers')).toEqual(['kubernetes'])
    expect(fieldAt(prepareFinalize(freed, held), 'spec.finalizers')).toEqual([])
  })
})
