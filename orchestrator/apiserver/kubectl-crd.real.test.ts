import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: crontabs.stable.example.com
spec:
  group: stable.example.com
  scope: Namespaced
  names:
    plural: crontabs
    kind: CronTab
    shortNames: [ct]
    categories: [all]
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale:
        specReplicasPath: .spec.replicas
        statusReplicasPath: .status.replicas
        labelSelectorPath: .status.labelSelector
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: When it runs.}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    selectableFields:
    - jsonPath: .spec.image
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            description: What is to run, and when.
            required: [cronSpec]
            properties:
              cronSpec:
                type: string
                description: Five fields, as in crontab.
                pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'
              image: {type: string, default: busybox}
              replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
          status:
            type: object
            properties:
              replicas: {type: integer}
              labelSelector: {type: string}
`

const object = (name: string, spec: string) => `apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: ${name}}
spec: ${spec}
`

/** With a rule over all pairs of a list; `most` bounds it, and what is in it. */
const paired = (most: string) => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pairs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: pairs, kind: Pair}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          names:
            type: array
            ${most === '' ? '' : `maxItems: ${most}`}
            items: {type: string, maxLength: 63}
            x-kubernetes-validations:
            - rule: self.all(x, self.exists_one(y, x == y))
              message: names must differ
`

describe.each(kubectlBinaries(['1.27', '1.33']))('kubectl %s and a kind of users', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
    const file = kubectl.file('crd.yaml', definition)
    expect(await kubectl.ok('apply', '-f', file)).toBe(
      'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com created\n',
    )
    await kubectl.ok(
      'wait',
      '--for=condition=established',
      '--timeout=10s',
      'crd/crontabs.stable.example.com',
    )
  })

  afterAll(async () => {
    await server.close()
  })

  test('applies an object, and prints the columns that the definition asks for', async () => {
    const file = kubectl.file('ct.yaml', object('one', '{cronSpec: "* * * * */5"}'))
    expect(await kubectl.ok('apply', '-f', file)).toBe('crontab.stable.example.com/one created\n')
    expect(await kubectl.ok('apply', '-f', file)).toBe('crontab.stable.example.com/one unchanged\n')
    expect(await kubectl.ok('get', 'ct')).toMatch(
      /^NAME +SPEC +REPLICAS +AGE\none +\* \* \* \* \*\/5 +1 +\d+s\n$/,
    )
    expect(await kubectl.ok('get', 'ct', 'one', '-o', 'jsonpath={.spec.image}')).toBe('busybox')
    expect(await kubectl.ok('get', 'all')).toContain('crontab.stable.example.com/one')
  })

  test('explains it in the words of its author', async () => {
    expect(await kubectl.ok('explain', 'ct.spec.cronSpec')).toContain('Five fields, as in crontab.')
  })

  test('refuses what the schema refuses, in the words of the original', async () => {
    const bad = kubectl.file('bad.yaml', object('bad', '{cronSpec: "x", replicas: 11, more: 1}'))
    const strict = await kubectl.run('create', '-f', bad)
    expect(strict.stderr).toContain('unknown field "spec.more"')
    const loose = await kubectl.run('create', '--validate=false', '-f', bad)
    expect(loose.code).toBe(1)
    expect(loose.stderr).toContain('spec.cronSpec in body should match')
    expect(loose.stderr).toContain('spec.replicas in body should be less than or equal to 10')
  })

  test('scales, patches, applies on the server, and selects by a field', async () => {
    await kubectl.ok('scale', 'ct/one', '--replicas=3')
    expect(await kubectl.ok('get', 'ct', 'one', '-o', 'jsonpath={.spec.replicas}')).toBe('3')
    await kubectl.ok('patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"image":"other"}}')
    const found = await kubectl.ok('get', 'ct', '--field-selector=spec.image=other', '-o', 'name')
    expect(found).toBe('crontab.stable.example.com/one\n')
    const file = kubectl.file('two.yaml', object('two', '{cronSpec: "* * * * *"}'))
    const applied = await kubectl.ok('apply', '--server-side', '-f', file)
    expect(applied).toBe('crontab.stable.example.com/two serverside-applied\n')
  })

  test('refuses rules that would cost too much at worst, and says what helps', async () => {
    const rule =
      'spec.validation.openAPIV3Schema.properties[names].x-kubernetes-validations[0].rule'
    const advice =
      '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'
    const { code, stderr } = await kubectl.run(
      'apply',
      '-f',
      kubectl.file('pairs.yaml', paired('')),
    )
    expect([code, stderr]).toEqual([
      1,
      `The CustomResourceDefinition "pairs.stable.example.com" is invalid: \n${[
        `* ${rule}: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
        `* ${rule}: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
        `* spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${advice}`,
      ].join('\n')}\n`,
    ])
    await kubectl.ok('apply', '-f', kubectl.file('pairs.yaml', paired('100')))
    await kubectl.ok('wait', '--for=condition=established', 'crd/pairs.stable.example.com')
    const pair =
      'apiVersion: stable.example.com/v1\nkind: Pair\nmetadata: {name: p}\nnames: [a, a]\n'
    const refused = await kubectl.run('create', '-f', kubectl.file('pair.yaml', pair))
    expect(refused.stderr).toContain('names: Invalid value: "array": names must differ')
    const dearer = await kubectl.run('apply', '-f', kubectl.file('pairs.yaml', paired('2000')))
    expect(dearer.stderr).toContain('estimated rule cost exceeds budget by factor of 12.0x')
    await kubectl.ok('delete', 'crd', 'pairs.stable.example.com', '--timeout=20s')
  })

  test('takes all objects along when the definition is deleted', async () => {
    await kubectl.ok('delete', 'crd', 'crontabs.stable.example.com', '--timeout=20s')
    const { stderr } = await kubectl.run('get', 'ct')
    expect(stderr).toMatch(/could not find the requested resource|doesn't have a resource type/)
  })
})
