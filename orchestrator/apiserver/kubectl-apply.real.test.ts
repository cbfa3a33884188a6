// Every way in which kubectl changes what is there: client-side and server-side apply and the way
// from one to the other, diff, replace, the three patches, edit, dry runs, and field validation.

import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const deployment = (name: string, spec: string, labels = '') => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}${labels === '' ? '' : `, labels: ${labels}`}}
spec:
${spec}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - name: web
        image: nginx:1.25
        ports: [{containerPort: 80}]
`

const configMap = (name: string, data: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: ${data}\n`

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly apiVersion: string
  readonly time: string
  readonly fieldsType: string
  readonly fieldsV1: Record<string, unknown>
}

describe.each(kubectlBinaries(['1.27', '1.33']))('kubectl %s', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl
  let files = 0

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
  })

  afterAll(async () => {
    await server.close()
  })

  // Who names no manager goes by the name of its program.
  const program = basename(binary)
  const file = (text: string) => kubectl.file(`manifest-${files++}.yaml`, text)
  const serverSide = (text: string, ...flags: readonly string[]) =>
    kubectl.run('apply', '--server-side', ...flags, '-f', file(text))
  const entries = async (...what: readonly string[]) => {
    const text = await kubectl.ok('get', ...what, '-o', 'json', '--show-managed-fields')
    return ((JSON.parse(text) as { metadata: { managedFields?: Entry[] } }).metadata
      .managedFields ?? []) as readonly Entry[]
  }
  const owners = async (...what: readonly string[]) =>
    (await entries(...what)).map(({ manager, operation, subresource }) =>
      [manager, operation, ...(subresource === undefined ? [] : [subresource])].join(' '),
    )
  const at = (path: string, ...what: readonly string[]) =>
    kubectl.ok('get', ...what, '-o', `jsonpath={${path}}`)

  test('server-side apply creates, changes, and takes away what is no longer applied', async () => {
    const made = await serverSide(deployment('ssa', '  replicas: 2', '{tier: web}'))
    expect(made).toEqual({
      code: 0,
      stdout: 'deployment.apps/ssa serverside-applied\n',
      stderr: '',
    })
    const version = await at('.metadata.resourceVersion', 'deploy', 'ssa')
    await serverSide(deployment('ssa', '  replicas: 2', '{tier: web}'))
    expect(await at('.metadata.resourceVersion', 'deploy', 'ssa')).toBe(version)
    await serverSide(deployment('ssa', '  paused: true'))
    expect(await at('.metadata.labels', 'deploy', 'ssa')).toBe('')
    expect(await at('.spec.replicas', 'deploy', 'ssa')).toBe('1')
    expect(await at('.spec.paused', 'deploy', 'ssa')).toBe('true')
  })

  test('managed fields say who applied what, and are shown when they are asked for', async () => {
    const [entry, other] = await entries('deploy', 'ssa')
    expect(other).toBeUndefined()
    expect(entry).toEqual({
      manager: 'kubectl',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:paused': {},
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"web"}': {
                  '.': {},
                  'f:image': {},
                  'f:name': {},
                  'f:ports': {
                    'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                  },
                },
              },
            },
          },
        },
      },
    })
    expect(await kubectl.ok('get', 'deploy', 'ssa', '-o', 'yaml')).not.toContain('managedFields')
  })

  test('conflicts name the manager and the field, until they are forced', async () => {
    await kubectl.ok('scale', 'deploy/ssa', '--replicas=5')
    expect(await owners('deploy', 'ssa')).toEqual(['kubectl Apply', `${program} Update scale`])
    const refused = await serverSide(deployment('ssa', '  replicas: 3'))
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      `Apply failed with 1 conflict: conflict with "${program}" with subresource "scale" using apps/v1: .spec.replicas`,
    )
    expect(refused.stderr).toContain('Please review the fields above')
    expect((await serverSide(deployment('ssa', '  replicas: 3'), '--force-conflicts')).code).toBe(0)
    expect(await at('.spec.replicas', 'deploy', 'ssa')).toBe('3')
    expect(await owners('deploy', 'ssa')).toEqual(['kubectl Apply'])
    const other = await serverSide(
      deployment('ssa', '  replicas: 4\n  paused: true', '{a: b}'),
      '--field-manager=other',
    )
    expect(other.stderr).toContain('conflict with "kubectl": .spec.replicas')
    await serverSide(deployment('ssa', '  replicas: 3', '{a: b}'), '--field-manager=other')
    expect(await owners('deploy', 'ssa')).toEqual(['kubectl Apply', 'other Apply'])
  })

  test('a migration from client-side apply needs no force, and keeps the note in step', async () => {
    const client = file(deployment('moved', '  replicas: 2', '{tier: web}'))
    await kubectl.ok('apply', '-f', client)
    expect(await owners('deploy', 'moved')).toEqual(['kubectl-client-side-apply Update'])
    const first = await serverSide(deployment('moved', '  replicas: 3', '{tier: web}'))
    expect(first).toEqual({
      code: 0,
      stdout: 'deployment.apps/moved serverside-applied\n',
      stderr: '',
    })
    expect(await owners('deploy', 'moved')).toContain('kubectl Apply')
    expect(await owners('deploy', 'moved')).not.toContain('kubectl-client-side-apply Update')
    const note = await kubectl.ok('apply', 'view-last-applied', 'deploy/moved', '-o', 'json')
    expect(note).toContain('"replicas": 3')
    expect((await serverSide(deployment('moved', '  replicas: 3'))).code).toBe(0)
    expect(await at('.metadata.labels', 'deploy', 'moved')).toBe('')
    // And back again.
    const back = file(deployment('moved', '  replicas: 1'))
    expect(await kubectl.ok('apply', '-f', back)).toBe('deployment.apps/moved configured\n')
    expect(await at('.spec.replicas', 'deploy', 'moved')).toBe('1')
  })

  test('last-applied can be set, seen and edited', async () => {
    const made = file(configMap('noted', '{a: b}'))
    await kubectl.ok('create', '-f', made)
    expect((await kubectl.run('apply', 'set-last-applied', '-f', made)).code).toBe(1)
    await kubectl.ok('apply', 'set-last-applied', '--create-annotation', '-f', made)
    const next = file(configMap('noted', '{c: d}'))
    expect(await kubectl.ok('apply', '-f', next)).toBe('configmap/noted configured\n')
    expect(await at('.data', 'cm', 'noted')).toBe('{"c":"d"}')
    expect(await kubectl.ok('apply', 'view-last-applied', 'cm/noted')).toContain('c: d')
  })

  test('diff shows what server-side apply would change, and changes nothing', async () => {
    await serverSide(configMap('compared', '{a: b}'))
    const next = file(configMap('compared', '{a: c}'))
    const version = await at('.metadata.resourceVersion', 'cm', 'compared')
    const diff = await kubectl.run('diff', '--server-side', '-f', next)
    expect(diff.code).toBe(1)
    expect(diff.stdout).toMatch(/^-  a: b\n\+  a: c$/m)
    expect(await at('.metadata.resourceVersion', 'cm', 'compared')).toBe(version)
    const absent = file(configMap('imagined', '{a: b}'))
    expect((await kubectl.run('diff', '--server-side', '-f', absent)).stdout).toMatch(/^\+  a: b$/m)
    expect((await kubectl.run('get', 'cm', 'imagined')).code).toBe(1)
  })

  test('a dry run of server-side apply says what would be, of new objects too', async () => {
    const dry = await serverSide(configMap('dry', '{a: b}'), '--dry-run=server')
    expect(dry.stdout).toBe('configmap/dry serverside-applied (server dry run)\n')
    expect((await kubectl.run('get', 'cm', 'dry')).code).toBe(1)
  })

  test('replace takes the place of everything, and force makes a new object', async () => {
    const one = file(configMap('replaced', '{a: b}'))
    const two = file(configMap('replaced', '{c: d}'))
    await kubectl.ok('create', '-f', one)
    expect(await kubectl.ok('replace', '-f', two)).toBe('configmap/replaced replaced\n')
    expect(await at('.data', 'cm', 'replaced')).toBe('{"c":"d"}')
    // That there is data at all is still the creator's doing.
    expect(await owners('cm', 'replaced')).toEqual([
      'kubectl-create Update',
      'kubectl-replace Update',
    ])
    const uid = await at('.metadata.uid', 'cm', 'replaced')
    await kubectl.ok('replace', '--force', '-f', one)
    expect(await at('.metadata.uid', 'cm', 'replaced')).not.toBe(uid)
    const missing = await kubectl.run('replace', '-f', file(configMap('nowhere', '{a: b}')))
    expect(missing.stderr).toContain('configmaps "nowhere" not found')
  })

  test('patches of all three sorts, and what does not apply', async () => {
    await kubectl.ok('apply', '-f', file(deployment('patched', '  replicas: 1')))
    const patch = (type: string, text: string, ...flags: readonly string[]) =>
      kubectl.run('patch', 'deploy', 'patched', `--type=${type}`, '-p', text, ...flags)
    const container =
      '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}'
    expect((await patch('strategic', container)).stdout).toBe('deployment.apps/patched patched\n')
    const images = '.spec.template.spec.containers[*].image'
    expect((await at(images, 'deploy', 'patched')).split(' ').toSorted()).toEqual([
      'busybox',
      'nginx:1.25',
    ])
    const gone = container.replace('"image":"busybox"', '"$patch":"delete"')
    await patch('strategic', gone)
    expect(await at(images, 'deploy', 'patched')).toBe('nginx:1.25')
    expect((await patch('merge', '{"spec":{"replicas":4}}')).code).toBe(0)
    expect((await patch('merge', '{"spec":{"replicas":4}}')).stdout).toBe(
      'deployment.apps/patched patched (no change)\n',
    )
    expect((await patch('json', '[{"op":"test","path":"/spec/replicas","value":4}]')).code).toBe(0)
    const wrong = await patch('json', '[{"op":"test","path":"/spec/replicas","value":5}]')
    expect(wrong.stderr).toContain('The request is invalid: the server rejected our request')
    const typed = await patch('merge', '{"spec":{"replicas":"many"}}')
    expect(typed.stderr).toContain('json: cannot unmarshal string into Go struct field')
    expect(typed.stderr).toContain('The request is invalid: patch: Invalid value: "{')
    const stale = await patch('merge', '{"metadata":{"resourceVersion":"1"},"spec":{"replicas":2}}')
    expect(stale.stderr).toContain('the object has been modified')
    const unknown = await patch('merge', '{"spec":{"colour":"red"}}')
    expect(unknown.stdout).toBe('deployment.apps/patched patched (no change)\n')
    expect(unknown.stderr).toBe('Warning: unknown field "spec.colour"\n')
    const status = await patch('merge', '{"status":{"replicas":4}}', '--subresource=status')
    expect(status.code).toBe(0)
    expect(await owners('deploy', 'patched')).toContain('kubectl-patch Update status')
    const missing = await kubectl.run('patch', 'deploy', 'nowhere', '-p', '{}')
    expect(missing.stderr).toContain('deployments.apps "nowhere" not found')
  })

  test('edit sends what an editor made of it, once more where it was refused', async () => {
    await kubectl.ok('create', '-f', file(configMap('edited', '{a: b}')))
    const editor = (script: string) =>
      kubectlWith(binary, server.kubeconfig, { EDITOR: `sed -i -e ${script}`, KUBE_EDITOR: '' })
    expect(await editor('s/a:.b/a:\\ c/').ok('edit', 'cm', 'edited')).toBe(
      'configmap/edited edited\n',
    )
    expect(await at('.data.a', 'cm', 'edited')).toBe('c')
    expect(await owners('cm', 'edited')).toEqual(['kubectl-create Update', 'kubectl-edit Update'])
    const untouched = await editor('s/x/x/').run('edit', 'cm', 'edited')
    expect(untouched.stderr).toContain('Edit cancelled, no changes made.')
    const refused = await editor('s/^data:/dada:/').run('edit', 'cm', 'edited')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('error: configmaps "edited" is invalid')
  })

  test('unknown fields are refused, warned about or passed over, as asked', async () => {
    const odd = `${configMap('odd', '{a: b}')}colour: red\n`
    const path = file(odd)
    const apply = (validate: string) => kubectl.run('apply', `--validate=${validate}`, '-f', path)
    expect((await apply('strict')).stderr).toContain(
      'strict decoding error: unknown field "colour"',
    )
    expect(await apply('warn')).toMatchObject({
      stdout: 'configmap/odd created\n',
      stderr: 'Warning: unknown field "colour"\n',
    })
    const next = file(odd.replace('a: b', 'a: c'))
    const changed = await kubectl.run('apply', '--validate=strict', '-f', next)
    expect(changed.stderr).toContain('patch: Invalid value: "map[')
    expect(changed.stderr).toContain('strict decoding error: unknown field "colour"')
    expect(await kubectl.run('apply', '--validate=ignore', '-f', next)).toMatchObject({
      stdout: 'configmap/odd configured\n',
      stderr: '',
    })
    const applied = await serverSide(odd, '--validate=warn', '--force-conflicts')
    expect(applied.stderr).toContain(
      'failed to create typed patch object (default/odd; v1, Kind=ConfigMap): .colour: field not declared in schema',
    )
  })

  test('label, annotate and set leave entries of their own', async () => {
    await kubectl.ok('create', '-f', file(configMap('marked', '{a: b}')))
    await kubectl.ok('label', 'cm', 'marked', 'tier=web')
    await kubectl.ok('annotate', 'cm', 'marked', 'note=hi')
    expect((await owners('cm', 'marked')).toSorted()).toEqual([
      'kubectl-annotate Update',
      'kubectl-create Update',
      'kubectl-label Update',
    ])
  })
})
