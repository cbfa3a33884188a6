// Every kubectl that is installed, unmodified, through the verbs that people use: what each prints
// and how it ends. Controllers, scheduler and nodes are there, so that rollouts go somewhere.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startSmallCluster } from './testing/small-cluster.js'
import type { SmallCluster } from './testing/small-cluster.js'

const versions = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33']

/** A command line, and what it prints on either output. Quotes keep words together. */
type Step = readonly [command: string, prints: RegExp]

const deployment = (name: string, image: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, labels: {app: ${name}, set: one}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: c, image: "${image}", ports: [{containerPort: 80}]}]}
`
const settings = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {set: one}}
data: {mode: fast}
`
const pod = `apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec: {containers: [{name: c, image: "hello:1"}]}
`
const files: Readonly<Record<string, string>> = {
  'web.yaml': deployment('web', 'hello:1') + settings,
  'web-2.yaml': deployment('web', 'hello:2') + settings,
  'web-alone.yaml': deployment('web', 'hello:2'),
  'pod.yaml': pod,
  'boat.yaml': 'apiVersion: v1\nkind: Boat\nmetadata: {name: a}\n',
  'misspelt.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndato: {a: b}\n',
  'kustomization.yaml': 'namePrefix: k-\nresources: [map.yaml]\n',
  'map.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: b}\n',
}

let cluster: SmallCluster

beforeAll(async () => {
  cluster = await startSmallCluster(['n1', 'n2'])
}, 60_000)

afterAll(() => cluster?.close())

/** Words as a shell would split them; 'such as this' is one. */
function words(command: string): readonly string[] {
  return [...command.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)
}

describe.each(kubectlBinaries(versions))('kubectl %s', (version, binary) => {
  const namespace = `skew-${version.replaceAll(/[^0-9]/g, '')}`
  let kubectl: Kubectl
  let folder: string

  const runAll = async (steps: readonly Step[], code: 'succeeds' | 'fails') => {
    for (const [command, prints] of steps) {
      const line = command.replaceAll('@', `${folder}/`)
      const result = await kubectl.run('-n', namespace, ...words(line))
      const output = result.stdout + result.stderr
      expect(output, `exit ${result.code} of kubectl ${line}`).toMatch(prints)
      expect(result.code === 0 ? 'succeeds' : 'fails', `kubectl ${line}\n${output}`).toBe(code)
    }
  }
  const succeed = (...steps: readonly Step[]) => runAll(steps, 'succeeds')
  const fail = (...steps: readonly Step[]) => runAll(steps, 'fails')

  beforeAll(async () => {
    kubectl = kubectlWith(binary, cluster.server.kubeconfig, {
      EDITOR: 'sed -i s/hello:1/hello:9/',
    })
    const paths = Object.entries(files).map(([name, text]) => kubectl.file(name, text))
    folder = (paths[0] ?? '').replace(/\/[^/]*$/, '')
    await kubectl.ok('create', 'namespace', namespace)
  })

  test('finds out what the server is and has', async () => {
    await succeed(
      ['version', /Server Version.*v1\./],
      ['api-versions', /^apps\/v1$/m],
      ['api-resources', /^deployments +deploy +apps\/v1 +true +Deployment$/m],
      ['cluster-info', /control plane.* is running at .*https:\/\/127\.0\.0\.1/],
      ['auth can-i create pods', /^yes$/m],
      ['auth can-i --list', /^\*\.\* .*\[\*\]$/m],
      ['explain pod.spec.containers', /imagePullPolicy\s+<string>/],
      ['explain deployment --recursive', /maxSurge\s+<IntOrString>/],
      ['get --raw /readyz', /ok$/],
      ['get crd', /No resources found/],
    )
    // 1.27 asks for the alpha and beta versions only, which no server has by default.
    if (version !== '1.27') await succeed(['auth whoami', /kubernetes-admin/])
    await fail(
      ['explain nope', /the server doesn't have a resource type "nope"/],
      ['get nope', /the server doesn't have a resource type "nope"/],
      ['apply -f @boat.yaml', /no matches for kind "Boat" in version "v1"/],
      ['apply -f @misspelt.yaml', /strict decoding error: unknown field "dato"/],
    )
  })

  test('applies and shows in every form', async () => {
    await succeed(
      ['apply -f @web.yaml', /web created[^]*settings created/],
      ['apply -f @web.yaml', /web unchanged[^]*settings unchanged/],
      ['rollout status deploy/web --timeout=20s', /"web" successfully rolled out/],
      ['get all', /^pod\/web-[^]*^deployment.apps\/web +2\/2[^]*^replicaset.apps\/web-/m],
      ['get pods -o wide', /^web-\S+ .* 127\.64\.\S+ +n[12] +<none> +<none>$/m],
      ['get deploy web -o yaml', /^ {4}type: RollingUpdate$/m],
      ['get cm settings -o json', /"mode": "fast"/],
      ['get deploy -o name', /^deployment.apps\/web$/m],
      ['get pods -o jsonpath={.items[*].status.phase}', /^Running Running$/m],
      ['get deploy -o custom-columns=N:.metadata.name,R:.spec.replicas', /^N +R\nweb +2$/m],
      ['get pods --show-labels -A', /^skew\S+ +web-\S+ .* app=web,pod-template-hash=\w+$/m],
      ['get pods -l app=none', /No resources found/],
      ['get pods --field-selector status.phase=Running --sort-by=.metadata.name', /^web-/m],
      ['get events', /deployment\/web +Scaled up replica set web-\w+ from 0 to 2/],
      ['events', /Deployment\/web/],
      ['describe deploy web', /2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/],
      ['describe pods -l app=web', /Controlled By: +ReplicaSet\/web-/],
      ['describe node n1', /Non-terminated Pods:/],
    )
    await fail(
      ['get pods nope', /Error from server \(NotFound\): pods "nope" not found/],
      ['get pods --field-selector foo=bar', /field label not supported: foo/],
    )
  })

  test('creates and changes one thing at a time', async () => {
    await succeed(
      ['create -f @pod.yaml', /pod\/one created/],
      ['create deployment api --image=hello:1', /deployment.apps\/api created/],
      ['create configmap c --from-literal=a=b', /configmap\/c created/],
      ['create secret generic s --from-literal=p=q', /secret\/s created/],
      ['create serviceaccount robot', /serviceaccount\/robot created/],
      ['run r --image=hello:1', /pod\/r created/],
      ['label cm c x=y', /labeled/],
      ['annotate cm c x=y', /annotate/],
      [`patch cm c -p '{"data":{"a":"c"}}'`, /patched$/m],
      [`patch cm c --type=merge -p '{"data":{"a":"c"}}'`, /patched \(no change\)/],
      [`patch cm c --type=json -p '[{"op":"remove","path":"/data/a"}]'`, /patched$/m],
      ['edit deploy api', /deployment.apps\/api edited/],
      ['edit deploy api', /Edit cancelled, no changes made/],
      ['get deploy api -o jsonpath={..image}', /hello:9/],
      ['replace --force -f @pod.yaml', /pod "one" deleted[^]*pod\/one replaced/],
      ['wait pod/one --for=condition=Ready --timeout=20s', /condition met/],
      ['expose deploy web --port=80', /service\/web exposed/],
      ['apply -k @', /configmap\/k-map created/],
      [
        'apply --server-side -f @web.yaml',
        /web serverside-applied\nconfigmap\/settings serverside-applied/,
      ],
    )
    await fail(
      ['create -f @pod.yaml', /\(AlreadyExists\).* pods "one" already exists/],
      ['label cm c x=z', /'x' already has a value \(y\), and --overwrite is false/],
      ['diff -f @web-2.yaml', /^-.*image: hello:1\n\+.*image: hello:2$/m],
      ['replace -f @pod.yaml', /pod updates may not change fields other than/],
    )
  })

  test('scales and rolls out', async () => {
    await succeed(
      ['scale deploy web --replicas=3', /scaled/],
      ['set env deploy/web A=1', /env updated/],
      ['set image deploy/web c=hello:3', /image updated/],
      ['set resources deploy/web --limits=cpu=100m', /resource requirements updated/],
      ['rollout status deploy/web --timeout=20s', /successfully rolled out/],
      ['rollout history deploy/web', /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/],
      ['rollout undo deploy/web', /rolled back/],
      ['rollout restart deploy/web', /restarted/],
      ['rollout pause deploy/web', /paused/],
      ['rollout resume deploy/web', /resumed/],
      ['rollout status deploy/web --timeout=20s', /successfully rolled out/],
    )
    await fail(
      ['scale deploy web --replicas=1 --current-replicas=9', /Expected replicas to be 9, was 3/],
      ['rollout undo deploy/web --to-revision=99', /unable to find specified revision 99/],
    )
  })

  test('takes a node out of service and back', async () => {
    await succeed(
      ['cordon n1', /node\/n1 cordoned/],
      ['taint node n1 a=b:NoSchedule', /node\/n1 tainted/],
      ['taint node n1 a-', /node\/n1 untainted/],
      ['drain n1 --force --timeout=20s', /node\/n1 (drained|evicted)/],
      ['uncordon n1', /node\/n1 uncordoned/],
    )
  })

  test('says at once what is not there', async () => {
    await fail(
      ['top pods', /Metrics API not available/],
      ['exec nope -- ls', /pods "nope" not found/],
      ['attach nope', /pods "nope" not found/],
      ['port-forward deploy/nope 0:80', /deployments.apps "nope" not found/],
      ['port-forward pod/nope 0:80', /pods "nope" not found/],
    )
  })

  test('watches, prunes and deletes', async () => {
    const watch = kubectl.follow('-n', namespace, 'get', 'cm', '-w')
    await watch.until(/^settings /m)
    await succeed(
      [
        'apply --prune -l set=one --prune-allowlist=core/v1/ConfigMap -f @web-alone.yaml',
        /web configured[^]*configmap\/settings pruned/,
      ],
      ['create cm late', /created/],
    )
    await watch.until(/^late /m)
    await watch.stop()
    await succeed(
      ['delete pods -l app=one --grace-period=0 --force', /force deleted|No resources found/],
      ['delete deploy api --cascade=orphan', /"api" deleted/],
      ['get rs -l app=api', /^api-/m],
      ['delete rs -l app=api --cascade=background', /"api-\w+" deleted/],
      ['delete deploy web --cascade=foreground', /"web" deleted/],
      ['get rs -l app=web', /No resources found/],
      ['delete cm --all', /configmap "late" deleted/],
      ['delete secret s --wait=false', /secret "s" deleted/],
      [`delete namespace ${namespace}`, /deleted/],
    )
    await fail([`get namespace ${namespace}`, /not found/])
  })
})
