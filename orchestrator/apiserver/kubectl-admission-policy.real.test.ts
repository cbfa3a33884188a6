import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl, KubectlResult } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const policies = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replica-limit.example.com}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  variables:
  - {name: most, expression: int(params.data.max)}
  validations:
  - expression: object.spec.replicas <= variables.most
    messageExpression: "'at most ' + string(variables.most) + ' replicas'"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replica-limit-default}
spec:
  policyName: replica-limit.example.com
  paramRef: {name: limits, namespace: default, parameterNotFoundAction: Deny}
  validationActions: [Deny]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: owned.example.com}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [configmaps]}
  matchConditions:
  - {name: not-limits, expression: request.name != 'limits'}
  validations:
  - {expression: "request.operation == 'DELETE' || has(object.metadata.labels) && 'owner' in object.metadata.labels", message: nobody owns it}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: owned}
spec: {policyName: owned.example.com, validationActions: [Warn]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: team.example.com}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{labels: {"team": "default"}}}'
  - patchType: JSONPatch
    jsonPatch:
      expression: '[JSONPatch{op: "add", path: "/metadata/annotations", value: {"by": request.userInfo.username}}]'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: team}
spec: {policyName: team.example.com}
`

const mistaken = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: mistaken.example.com}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}
  validations:
  - {expression: object.replicas > 1}
  - {expression: object.spec.replicas > 1}
`

/** Each validation costs three tenths of what one may: thirty of them do not reach, forty are too many. */
const costly = (validations: number) => `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: costly.example.com}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}
  variables:
  - {name: text, expression: "'${'a'.repeat(7_800)}'"}
  - {name: pattern, expression: "'a|${'b'.repeat(1_500)}'"}
  validations:
${'  - {expression: "variables.text.matches(variables.pattern)"}\n'.repeat(validations)}---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: costly}
spec: {policyName: costly.example.com, validationActions: [Deny]}
`

describe.each(kubectlBinaries(['1.27', '1.33']))(
  'kubectl %s and admission policies',
  (_, binary) => {
    let server: TestApiserver
    let kubectl: Kubectl

    beforeAll(async () => {
      server = await startTestApiserver()
      kubectl = kubectlWith(binary, server.kubeconfig)
      await kubectl.ok('apply', '-f', kubectl.file('policies.yaml', policies))
    })

    afterAll(async () => {
      await server.close()
    })

    const create = (name: string, replicas: number) =>
      kubectl.run('create', 'deployment', name, '--image=example/web', `--replicas=${replicas}`)
    const until = async (
      attempt: () => Promise<KubectlResult>,
      wanted: (result: KubectlResult) => boolean,
    ): Promise<KubectlResult> => {
      for (let round = 0; round < 50; round++) {
        const result = await attempt()
        if (wanted(result)) return result
      }
      throw new Error('it never came to that')
    }

    test('lists them in their columns, and explains them', async () => {
      expect(await kubectl.ok('get', 'validatingadmissionpolicies')).toMatch(
        /^NAME +VALIDATIONS +PARAMKIND +AGE\nowned.example.com +1 +<unset> +\d+s\nreplica-limit.example.com +1 +v1\/ConfigMap +\d+s\n$/,
      )
      expect(
        await kubectl.ok('get', 'validatingadmissionpolicybinding', 'replica-limit-default'),
      ).toMatch(
        /^NAME +POLICYNAME +PARAMREF +AGE\nreplica-limit-default +replica-limit.example.com +default\/limits +\d+s\n$/,
      )
      const explained = await kubectl.ok('explain', 'validatingadmissionpolicy.spec.validations')
      expect(explained).toContain('messageExpression')
      expect(await kubectl.ok('explain', 'mutatingadmissionpolicy.spec.mutations')).toContain(
        'jsonPatch',
      )
    })

    test('refuses what has no parameters, then what exceeds them', async () => {
      const missing = await until(
        () => create('web', 6),
        ({ code, stderr }) => code === 1 && stderr.includes('no params found'),
      )
      expect(missing.stderr).toContain(
        "ValidatingAdmissionPolicy 'replica-limit.example.com' with binding 'replica-limit-default' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
      )
      await kubectl.ok('create', 'configmap', 'limits', '--from-literal=max=5')
      const refused = await until(
        () => create('web', 6),
        ({ stderr }) => stderr.includes('at most'),
      )
      expect(refused.stderr).toBe(
        "error: failed to create deployment: deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'replica-limit.example.com' with binding 'replica-limit-default' denied request: at most 5 replicas\n",
      )
      expect((await create('web', 5)).stderr).toBe('')
      const scaled = await kubectl.run('patch', 'deploy', 'web', '-p', '{"spec":{"replicas":7}}')
      expect(scaled.stderr).toContain('denied request: at most 5 replicas')
    })

    test('shows what mutation made of it', async () => {
      const found = await kubectl.ok(
        'get',
        'deploy',
        'web',
        '-o',
        'jsonpath={.metadata.labels.team} {.metadata.annotations.by}',
      )
      expect(found).toMatch(/^default \S+$/)
    })

    test('warns', async () => {
      const { stdout, stderr } = await kubectl.run(
        'create',
        'configmap',
        'free',
        '--from-literal=a=b',
      )
      expect(stdout).toBe('configmap/free created\n')
      expect(stderr).toBe(
        "Warning: Validation failed for ValidatingAdmissionPolicy 'owned.example.com' with binding 'owned': nobody owns it\n",
      )
      expect((await kubectl.run('delete', 'configmap', 'free')).stderr).toBe('')
    })

    test('says where an expression does not fit its kind', async () => {
      await kubectl.ok('apply', '-f', kubectl.file('mistaken.yaml', mistaken))
      const query =
        '{.status.observedGeneration}{range .status.typeChecking.expressionWarnings[*]}|{.fieldRef}|{.warning}{end}'
      const get = () =>
        kubectl.run(
          'get',
          'validatingadmissionpolicy',
          'mistaken.example.com',
          '-o',
          `jsonpath=${query}`,
        )
      const { stdout } = await until(get, result => result.stdout !== '')
      expect(stdout).toBe(
        "1|spec.validations[0].expression|apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n",
      )
    })

    test('refuses what a policy has no budget to look at', async () => {
      const secret = (name: string) => kubectl.run('create', 'secret', 'generic', name)
      await kubectl.ok('apply', '-f', kubectl.file('costly.yaml', costly(40)))
      const { stderr } = await until(
        () => secret('dear'),
        ({ code }) => code === 1,
      )
      expect(stderr).toBe(
        "error: failed to create secret secrets \"dear\" is forbidden: ValidatingAdmissionPolicy 'costly.example.com' with binding 'costly' denied request: validation failed due to running out of cost budget, no further validation rules will be run\n",
      )
      await kubectl.ok('apply', '-f', kubectl.file('costly.yaml', costly(30)))
      await until(
        () => secret('cheap'),
        ({ code }) => code === 0,
      )
      await kubectl.ok('delete', 'validatingadmissionpolicybinding', 'costly')
    })

    test('refuses expressions that do not compile, at their field', async () => {
      const file = kubectl.file('bad.yaml', mistaken.replace('object.replicas > 1', 'nothing + 1'))
      const { stderr } = await kubectl.run('apply', '-f', file)
      expect(stderr).toContain(
        "spec.validations[0].expression: Invalid value: \"nothing + 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing' (in container '')\n | nothing + 1\n | ^",
      )
    })
  },
)
