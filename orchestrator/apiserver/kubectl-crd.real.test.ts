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

describe.each(kubectlBinaries(['1.27', '1.30', '1.33']))(
  'kubectl %s and a kind of users',
  (_, binary) => {
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
      expect(await kubectl.ok('apply', '-f', file)).toBe(
        'crontab.stable.example.com/one unchanged\n',
      )
      expect(await kubectl.ok('get', 'ct')).toMatch(
        /^NAME +SPEC +REPLICAS +AGE\none +\* \* \* \* \*\/5 +1 +\d+s\n$/,
      )
      expect(await kubectl.ok('get', 'ct', 'one', '-o', 'jsonpath={.spec.image}')).toBe('busybox')
      expect(await kubectl.ok('get', 'all')).toContain('crontab.stable.example.com/one')
    })
  },
)
