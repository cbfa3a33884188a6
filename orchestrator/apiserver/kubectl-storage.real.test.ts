import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const storage = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: fast
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: disk.example.com
allowVolumeExpansion: true
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: disk.example.com}
spec: {podInfoOnMount: true}
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: node-1}
spec:
  drivers: [{name: disk.example.com, nodeID: n1, topologyKeys: [zone]}]
---
apiVersion: storage.k8s.io/v1
kind: CSIStorageCapacity
metadata: {name: room}
storageClassName: fast
capacity: 100Gi
---
apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: attached}
spec:
  attacher: disk.example.com
  nodeName: node-1
  source: {persistentVolumeName: disk}
---
apiVersion: storage.k8s.io/v1
kind: VolumeAttributesClass
metadata: {name: gold}
driverName: disk.example.com
parameters: {iops: "1000"}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  capacity: {storage: 5Gi}
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  storageClassName: fast
  hostPath: {path: /data}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`

const network = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: front
  annotations: {ingressclass.kubernetes.io/is-default-class: "true"}
spec: {controller: example.com/front}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    ports: [{port: 80}]
`

describe.each(kubectlBinaries(['1.27', '1.33']))('kubectl %s and storage', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
  })

  afterAll(async () => {
    await server.close()
  })

  /** Columns of a listing, ages left out. */
  async function listed(...args: readonly string[]): Promise<readonly string[]> {
    const text = await kubectl.ok('get', ...args)
    return text
      .trimEnd()
      .split('\n')
      .map(line =>
        line
          .trim()
          .replace(/ {2,}/g, '|')
          .replace(/\|(?:\d+[hms])+$/, '|age'),
      )
  }

  async function refusal(...args: readonly string[]): Promise<string> {
    const { code, stderr } = await kubectl.run(...args)
    expect(code).toBe(1)
    return stderr
  }

  test('makes storage of every kind, and sees it as it is used to', async () => {
    const file = kubectl.file('storage.yaml', storage)
    const made = await kubectl.ok('apply', '-f', file)
    expect(made.match(/created/g)).toHaveLength(8)
    expect(await kubectl.ok('apply', '-f', file)).not.toMatch(/configured|created/)
    expect(await listed('sc')).toEqual([
      'NAME|PROVISIONER|RECLAIMPOLICY|VOLUMEBINDINGMODE|ALLOWVOLUMEEXPANSION|AGE',
      'fast (default)|disk.example.com|Delete|Immediate|true|age',
      'local (default)|raftsman.dev/local|Delete|WaitForFirstConsumer|true|age',
    ])
    expect(await listed('csidrivers')).toEqual([
      'NAME|ATTACHREQUIRED|PODINFOONMOUNT|STORAGECAPACITY|TOKENREQUESTS|REQUIRESREPUBLISH|MODES|AGE',
      'disk.example.com|true|true|false|<unset>|false|Persistent|age',
    ])
    expect(await listed('csinodes')).toEqual(['NAME|DRIVERS|AGE', 'node-1|1|age'])
    expect(await listed('csistoragecapacities')).toEqual([
      'NAME|STORAGECLASSNAME|CAPACITY',
      'room|fast|100Gi',
    ])
    expect(await listed('volumeattachments')).toEqual([
      'NAME|ATTACHER|PV|NODE|ATTACHED|AGE',
      'attached|disk.example.com|disk|node-1|false|age',
    ])
    expect(await listed('vac')).toEqual(['NAME|DRIVERNAME|AGE', 'gold|disk.example.com|age'])
    expect(await listed('pv')).toEqual([
      'NAME|CAPACITY|ACCESS MODES|RECLAIM POLICY|STATUS|CLAIM|STORAGECLASS|VOLUMEATTRIBUTESCLASS|REASON|AGE',
      'disk|5Gi|RWO,ROX|Retain|Pending|fast|<unset>|age',
    ])
    // The default class is there before the claim, and stands in it.
    expect(await listed('pvc', '-o', 'wide')).toEqual([
      'NAME|STATUS|VOLUME|CAPACITY|ACCESS MODES|STORAGECLASS|VOLUMEATTRIBUTESCLASS|AGE|VOLUMEMODE',
      expect.stringMatching(/^data\|Pending\|fast\|<unset>\|[\dhms]+\|Filesystem$/),
    ])
  })

  test('describes and explains it', async () => {
    expect(await kubectl.ok('describe', 'pvc', 'data')).toMatch(
      /^Finalizers: +\[kubernetes\.io\/pvc-protection\]$/m,
    )
    const volume = await kubectl.ok('describe', 'pv', 'disk')
    expect(volume).toMatch(/^Finalizers: +\[kubernetes\.io\/pv-protection\]$/m)
    expect(volume).toMatch(/Type: +HostPath/)
    expect(await kubectl.ok('describe', 'sc', 'fast')).toMatch(/^IsDefaultClass: +Yes$/m)
    expect(await kubectl.ok('describe', 'csinode', 'node-1')).toContain('disk.example.com')
    expect(await kubectl.ok('explain', 'pvc.spec.accessModes')).toContain('accessModes <[]string>')
  })

  test('is told what cannot change', async () => {
    expect(
      await refusal('patch', 'pvc', 'data', '-p', '{"spec":{"accessModes":["ReadWriteMany"]}}'),
    ).toBe(
      'The PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n',
    )
    expect(
      await refusal('patch', 'pv', 'disk', '-p', '{"spec":{"hostPath":{"path":"/other"}}}'),
    ).toContain('spec.persistentvolumesource is immutable after creation')
    expect(await refusal('patch', 'sc', 'fast', '-p', '{"parameters":{"a":"b"}}')).toBe(
      'The StorageClass "fast" is invalid: parameters: Forbidden: updates to parameters are forbidden.\n',
    )
  })

  test('lets a bound claim grow where its class does', async () => {
    const bound = '{"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}'
    const grow = (size: string) => `{"spec":{"resources":{"requests":{"storage":"${size}"}}}}`
    await kubectl.ok('patch', 'pvc', 'data', '--subresource=status', '-p', bound)
    await kubectl.ok('patch', 'pvc', 'data', '-p', grow('2Gi'))
    await kubectl.ok('patch', 'sc', 'fast', '-p', '{"allowVolumeExpansion":false}')
    expect(await refusal('patch', 'pvc', 'data', '-p', grow('3Gi'))).toBe(
      'Error from server (Forbidden): persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize\n',
    )
  })

  test('edits a class, and deletes it with the rest', async () => {
    const editing = kubectlWith(binary, server.kubeconfig, { EDITOR: 'sed -i s/gp2/gp3/' })
    await kubectl.ok('annotate', 'sc', 'fast', 'note=gp2')
    expect(await editing.ok('edit', 'sc', 'fast')).toContain('edited')
    expect(await kubectl.ok('get', 'sc', 'fast', '-o', 'yaml')).toContain('note: gp3')
    const gone = await kubectl.ok(
      'delete',
      'sc/fast',
      'csidriver/disk.example.com',
      'csinode/node-1',
      'csistoragecapacity/room',
      'volumeattachment/attached',
      'vac/gold',
    )
    expect(gone.match(/deleted/g)).toHaveLength(6)
  })

  test('finds volumes and claims held until their controller lets them go', async () => {
    await kubectl.ok('delete', 'pv/disk', 'pvc/data', '--wait=false')
    expect((await listed('pv'))[1]).toContain('|Terminating|')
    expect((await listed('pvc'))[1]).toContain('|Terminating|')
    for (const name of ['pv/disk', 'pvc/data']) {
      await kubectl.ok('patch', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    }
    expect(await kubectl.ok('get', 'pv,pvc', '--ignore-not-found')).toBe('')
  })

  test('makes ingresses, which get the default class', async () => {
    await kubectl.ok('apply', '-f', kubectl.file('network.yaml', network))
    const ingress = ['create', 'ingress', 'web'] as const
    await kubectl.ok(...ingress, '--rule=a.example.com/*=web:80,tls=cert', '--rule=/b=web:http')
    expect(await listed('ing')).toEqual([
      'NAME|CLASS|HOSTS|ADDRESS|PORTS|AGE',
      'web|front|a.example.com|80, 443|age',
    ])
    const told = await kubectl.ok('describe', 'ingress', 'web')
    expect(told).toMatch(/^Ingress Class: +front$/m)
    expect(told).toMatch(/cert terminates a\.example\.com/)
    expect(await listed('ingressclass')).toEqual([
      'NAME|CONTROLLER|PARAMETERS|AGE',
      'front|example.com/front|<none>|age',
    ])
    expect(await refusal('create', 'ingress', 'bad', '--rule=a.*.com/=web:80')).toContain(
      'spec.rules[0].host: Invalid value: "a.*.com": a wildcard DNS-1123 subdomain must start with \'*.\'',
    )
    expect(await kubectl.ok('delete', 'ing', 'web')).toContain('deleted')
  })

  test('makes policies', async () => {
    expect(await listed('netpol')).toEqual(['NAME|POD-SELECTOR|AGE', 'closed|app=web|age'])
    const told = await kubectl.ok('describe', 'netpol', 'closed')
    expect(told).toMatch(/To Port: 80\/TCP/)
    expect(told).toMatch(/Policy Types: Ingress/)
    const patch = '[{"op":"replace","path":"/spec/ingress/0/ports/0/port","value":0}]'
    expect(await refusal('patch', 'netpol', 'closed', '--type=json', '-p', patch)).toContain(
      'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    )
  })

  test('makes services of every type, and sees who holds which address', async () => {
    const service = (type: string, ...args: readonly string[]) =>
      kubectl.ok('create', 'service', type, ...args)
    await service('clusterip', 'inside', '--tcp=80:8080', '--clusterip=10.96.0.77')
    await service('clusterip', 'headless', '--clusterip=None')
    await service('nodeport', 'node', '--tcp=443', '--node-port=30443')
    await service('loadbalancer', 'outside', '--tcp=80')
    await service('externalname', 'away', '--external-name=example.com')
    const rows = await listed('svc')
    expect(rows[0]).toBe('NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE')
    expect(rows).toContain('away|ExternalName|<none>|example.com|<none>|age')
    expect(rows).toContain('headless|ClusterIP|None|<none>|<none>|age')
    expect(rows).toContain('inside|ClusterIP|10.96.0.77|<none>|80/TCP|age')
    expect(rows.join('\n')).toMatch(
      /^node\|NodePort\|10\.96\.\d+\.\d+\|<none>\|443:30443\/TCP\|age$/m,
    )
    expect(rows.join('\n')).toMatch(
      /^outside\|LoadBalancer\|[\d.]+\|<pending>\|80:3\d+\/TCP\|age$/m,
    )
    const addresses = await listed('ip')
    expect(addresses[0]).toBe('NAME|PARENTREF')
    expect(addresses).toContain('10.96.0.1|services/default/kubernetes')
    expect(addresses).toContain('10.96.0.77|services/default/inside')
    expect(addresses).toHaveLength(5)
    expect(await listed('servicecidr')).toEqual(['NAME|CIDRS|AGE', 'kubernetes|10.96.0.0/16|age'])
    expect(
      await refusal('create', 'service', 'clusterip', 'two', '--tcp=80', '--clusterip=10.96.0.77'),
    ).toContain('failed to allocate IP 10.96.0.77: provided IP is already allocated')
  })

  test('gives an address back with its service, and to the next who asks', async () => {
    await kubectl.ok('delete', 'svc', 'inside')
    expect(await kubectl.ok('get', 'ip', '10.96.0.77', '--ignore-not-found')).toBe('')
    await kubectl.ok('create', 'service', 'clusterip', 'two', '--tcp=80', '--clusterip=10.96.0.77')
    expect(await listed('ip', '10.96.0.77')).toEqual([
      'NAME|PARENTREF',
      '10.96.0.77|services/default/two',
    ])
  })

  test('keeps an address for itself', async () => {
    const address = `apiVersion: networking.k8s.io/v1
kind: IPAddress
metadata: {name: 10.96.0.99}
spec: {parentRef: {group: example.com, resource: gateways, namespace: default, name: g}}
`
    await kubectl.ok('apply', '-f', kubectl.file('address.yaml', address))
    expect(await listed('ip', '10.96.0.99')).toEqual([
      'NAME|PARENTREF',
      '10.96.0.99|gateways.example.com/default/g',
    ])
    expect(
      await refusal('create', 'service', 'clusterip', 'x', '--tcp=80', '--clusterip=10.96.0.99'),
    ).toContain('provided IP is already allocated')
  })

  test('exposes a service', async () => {
    await kubectl.ok('run', 'pod', '--image=nginx', '--port=80', '--labels=app=web')
    expect(await kubectl.ok('expose', 'pod', 'pod', '--port=8080', '--target-port=80')).toBe(
      'service/pod exposed\n',
    )
    const [, row] = await listed('svc', 'pod', '-o', 'wide')
    expect(row).toMatch(/^pod\|ClusterIP\|[\d.]+\|<none>\|8080\/TCP\|[\dhms]+\|app=web$/)
    await kubectl.ok('expose', 'svc', 'pod', '--name=again', '--type=NodePort', '--port=80')
    expect((await listed('svc', 'again'))[1]).toMatch(/^again\|NodePort\|/)
  })

  test('makes secrets of every type', async () => {
    const secret = (...args: readonly string[]) => kubectl.ok('create', 'secret', ...args)
    const key = kubectl.file('id', 'key material')
    const { certFile, keyFile } = server.admin
    await secret('generic', 'plain', '--from-literal=user=me', `--from-file=ssh=${key}`)
    await secret('tls', 'cert', `--cert=${certFile}`, `--key=${keyFile}`)
    await secret(
      'docker-registry',
      'pull',
      '--docker-server=r.example.com',
      '--docker-username=u',
      '--docker-password=p',
    )
    const typed = (name: string, type: string, ...literals: readonly string[]) =>
      secret('generic', name, `--type=kubernetes.io/${type}`, ...literals)
    await typed('basic', 'basic-auth', '--from-literal=username=u', '--from-literal=password=p')
    await typed('ssh', 'ssh-auth', `--from-file=ssh-privatekey=${key}`)
    expect(await listed('secrets')).toEqual([
      'NAME|TYPE|DATA|AGE',
      'basic|kubernetes.io/basic-auth|2|age',
      'cert|kubernetes.io/tls|2|age',
      'plain|Opaque|2|age',
      'pull|kubernetes.io/dockerconfigjson|1|age',
      'ssh|kubernetes.io/ssh-auth|1|age',
    ])
    expect(await kubectl.ok('describe', 'secret', 'plain')).toMatch(/^user: +2 bytes$/m)
    const create = ['create', 'secret', 'generic', 'bad'] as const
    expect(
      await refusal(...create, '--type=kubernetes.io/tls', '--from-literal=tls.crt=x'),
    ).toContain('data[tls.key]: Required value')
    expect(
      await refusal(
        ...create,
        '--type=kubernetes.io/dockerconfigjson',
        '--from-literal=.dockerconfigjson={',
      ),
    ).toContain('data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"')
    expect(await refusal(...create, '--type=kubernetes.io/service-account-token')).toContain(
      'metadata.annotations[kubernetes.io/service-account.name]: Required value',
    )
  })

  test('makes config maps from files, and seals one', async () => {
    const config = kubectl.file('app.conf', 'colour=blue\n')
    const env = kubectl.file('app.env', 'A=1\nB=2\n')
    await kubectl.ok('create', 'cm', 'files', `--from-file=${config}`, `--from-file=raw=${config}`)
    await kubectl.ok('create', 'cm', 'env', `--from-env-file=${env}`)
    expect(await kubectl.ok('get', 'cm', 'files', '-o', 'jsonpath={.data.app\\.conf}')).toBe(
      'colour=blue\n',
    )
    expect((await listed('cm', 'env'))[1]).toBe('env|2|age')
    await kubectl.ok('patch', 'cm', 'env', '-p', '{"immutable":true}')
    expect(await refusal('patch', 'cm', 'env', '-p', '{"data":{"A":"2"}}')).toBe(
      'The ConfigMap "env" is invalid: data: Forbidden: field is immutable when `immutable` is set\n',
    )
    const large = kubectl.file('large', 'x'.repeat(1_048_577))
    expect(await refusal('create', 'cm', 'large', `--from-file=${large}`)).toContain(
      'Too long: may not be more than 1048576 bytes',
    )
  })
})
