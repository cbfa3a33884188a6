import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const hello = (image: string) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
spec:
  replicas: 2
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: web
        image: ${image}
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec:
  type: NodePort
  selector: {app: hello}
  ports: [{port: 80}]
`

describe.each(kubectlBinaries(['1.27', '1.30', '1.33']))('kubectl %s, unmodified', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
  })

  afterAll(async () => {
    await server.close()
  })

  const lines = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map(line => line.trimEnd().split(/ {2,}/))

  test('finds out what is served', async () => {
    expect(await kubectl.ok('version')).toMatch(/Server Version: .*v1\.32\.0\+raftsman/)
    expect(await kubectl.ok('api-versions')).toMatch(
      /^admissionregistration\.k8s\.io\/v1\napiextensions\.k8s\.io\/v1\n[^]*\nv1\n$/,
    )
    const resources = await kubectl.ok('api-resources')
    expect(resources).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m)
    expect(await kubectl.ok('explain', 'pod.spec.nodeName')).toContain('nodeName <string>')
  })

  test('applies, finds it unchanged, and applies a change', async () => {
    const file = kubectl.file('hello.yaml', hello('nginx:1.25'))
    expect(await kubectl.ok('apply', '-f', file)).toBe(
      'deployment.apps/hello created\nservice/hello created\n',
    )
    expect(await kubectl.ok('apply', '-f', file)).toBe(
      'deployment.apps/hello unchanged\nservice/hello unchanged\n',
    )
    const next = kubectl.file('hello2.yaml', hello('nginx:1.26'))
    expect(await kubectl.ok('apply', '-f', next)).toBe(
      'deployment.apps/hello configured\nservice/hello unchanged\n',
    )
    const wide = lines(await kubectl.ok('get', 'deploy', 'hello', '-o', 'wide'))
    expect(wide[0]?.join(' ')).toBe(
      'NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR',
    )
    expect(wide[1]?.slice(-3)).toEqual(['web', 'nginx:1.26', 'app=hello'])
    expect(await kubectl.ok('get', 'svc', 'hello')).toMatch(
      /hello +NodePort +10\.96\.\d+\.\d+ +<none> +80:3[0-2]\d{3}\/TCP +\d+s/,
    )
    expect((await kubectl.run('diff', '-f', next)).code).toBe(0)
  })

  test('describes what it sees', async () => {
    const described = await kubectl.ok('describe', 'deploy', 'hello')
    expect(described).toContain('Replicas:               2 desired | 0 updated | 0 total')
    expect(described).toMatch(/^Events: +<none>$/m)
  })

  test('changes one thing at a time, each a new generation where it is a change of intent', async () => {
    const generation = () =>
      kubectl.ok('get', 'deploy', 'hello', '-o', 'jsonpath={.metadata.generation}')
    const before = Number(await generation())
    expect(await kubectl.ok('scale', 'deploy/hello', '--replicas=3')).toBe(
      'deployment.apps/hello scaled\n',
    )
    expect(await kubectl.ok('set', 'env', 'deploy/hello', 'A=B')).toBe(
      'deployment.apps/hello env updated\n',
    )
    expect(await kubectl.ok('label', 'deploy', 'hello', 'tier=web')).toBe(
      'deployment.apps/hello labeled\n',
    )
    expect(Number(await generation())).toBe(before + 2)
    // Up to 1.27 it says "annotate".
    expect(await kubectl.ok('annotate', 'deploy', 'hello', 'note=hi')).toMatch(
      /^deployment.apps\/hello annotated?\n$/,
    )
    await kubectl.ok('patch', 'deploy', 'hello', '-p', '{"spec":{"paused":true}}')
    await kubectl.ok('patch', 'deploy', 'hello', '--type=merge', '-p', '{"spec":{"paused":null}}')
    const replicas = '[{"op":"replace","path":"/spec/replicas","value":1}]'
    await kubectl.ok('patch', 'deploy', 'hello', '--type=json', '-p', replicas)
    const spec = await kubectl.ok('get', 'deploy', 'hello', '-o', 'jsonpath={.spec.replicas}')
    expect(spec).toBe('1')
    expect(await kubectl.ok('get', 'deploy', '-l', 'tier=web', '-o', 'name')).toBe(
      'deployment.apps/hello\n',
    )
  })

  test('creates what newer ones send as protobuf', async () => {
    expect(await kubectl.ok('create', 'ns', 'two')).toBe('namespace/two created\n')
    expect(await kubectl.ok('create', 'cm', 'c', '--from-literal=a=b', '-n', 'two')).toBe(
      'configmap/c created\n',
    )
    expect(await kubectl.ok('get', 'cm', 'c', '-n', 'two', '-o', 'jsonpath={.data.a}')).toBe('b')
    expect(await kubectl.ok('create', 'deploy', 'd', '--image=nginx', '--replicas=0')).toBe(
      'deployment.apps/d created\n',
    )
    const replicas = await kubectl.ok('get', 'deploy', 'd', '-o', 'jsonpath={.spec.replicas}')
    expect(replicas).toBe('0')
    await kubectl.ok('create', 'sa', 'robot')
    expect(await kubectl.ok('create', 'token', 'robot')).toMatch(/^ey\S+\.\S+\.\S+$/)
    expect(await kubectl.ok('auth', 'can-i', 'create', 'pods')).toBe('yes\n')
    expect((await kubectl.run('auth', 'can-i', 'create', 'pods', '--as=joe')).stdout).toBe('no\n')
  })

  test('a dry run leaves nothing behind', async () => {
    const dry = await kubectl.ok('create', 'cm', 'dry', '--dry-run=server', '-o', 'yaml')
    expect(dry).toContain('uid: ')
    expect(dry).not.toContain('resourceVersion')
    expect((await kubectl.run('get', 'cm', 'dry')).stderr).toBe(
      'Error from server (NotFound): configmaps "dry" not found\n',
    )
  })

  test('an unknown field is an error that names it', async () => {
    const file = kubectl.file(
      'bad.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndat: {a: b}\n',
    )
    expect((await kubectl.run('apply', '-f', file)).stderr).toContain(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"',
    )
    const loose = await kubectl.run('apply', '-f', file, '--validate=warn')
    expect(loose.stdout).toBe('configmap/bad created\n')
    expect(loose.stderr).toBe('Warning: unknown field "dat"\n')
  })

  test('watches what others change, and waits for deletions', async () => {
    await kubectl.ok('create', 'cm', 'seen', '--from-literal=a=b')
    const watch = kubectl.follow('get', 'cm', 'seen', '-w')
    await watch.until(/^seen +1 /m)
    const patch = '{"data":{"c":"d"}}'
    await kubectl.ok('patch', 'cm', 'seen', '--type=merge', '-p', patch)
    const output = await watch.until(/^seen +2 /m)
    expect(output.match(/NAME/g)).toHaveLength(1)
    const waiting = kubectl.ok('wait', '--for=delete', 'cm/seen', '--timeout=20s')
    expect(await kubectl.ok('delete', 'cm', 'seen')).toBe('configmap "seen" deleted\n')
    expect(await waiting).toMatch(/^(configmap\/seen condition met\n)?$/)
    await watch.stop()
  })

  test('runs and deletes a pod that no node has', async () => {
    expect(await kubectl.ok('run', 'lone', '--image=busybox')).toBe('pod/lone created\n')
    expect(await kubectl.ok('get', 'pods', '-o', 'wide')).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nlone +0\/1 +Pending +0 +\d+s +<none> +<none> +<none> +<none>\n$/,
    )
    expect(await kubectl.ok('delete', 'pod', 'lone')).toBe('pod "lone" deleted\n')
  })

  test('says why it may not', async () => {
    const joe = kubectlWith(binary, server.kubeconfigFor(await server.identity('joe')))
    expect((await joe.run('get', 'pods')).stderr).toContain(
      'Error from server (Forbidden): pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default"',
    )
    expect((await kubectl.run('delete', 'ns', 'default')).stderr).toBe(
      'Error from server (Forbidden): namespaces "default" is forbidden: this namespace may not be deleted\n',
    )
    expect((await kubectl.run('create', 'ns', 'two')).stderr).toBe(
      'Error from server (AlreadyExists): namespaces "two" already exists\n',
    )
  })

  test('a namespace that is deleted is Terminating until its content is gone', async () => {
    await kubectl.ok('delete', 'ns', 'two', '--wait=false')
    expect(await kubectl.ok('get', 'ns', 'two')).toMatch(/^two +Terminating +\d+s$/m)
  })
})
