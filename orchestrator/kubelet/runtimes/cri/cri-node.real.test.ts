// kubectl against an API server against a node whose pods run by a real containerd.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { configMaps, runtimeClasses, secrets } from '../../../client/resources.js'
import { startTestContainerd, type TestContainerd, toolsImage } from './testing/containerd.js'
import { type CriCluster, eventually, startCriCluster } from './testing/cri-cluster.js'
import { testImage } from './testing/images.js'
import { forever, isOver, isRunning, main, type PodChoices, scriptPod } from './testing/pods.js'
import { startRegistry } from './testing/registry.js'

let containerd: TestContainerd
let cluster: CriCluster

beforeAll(async () => {
  containerd = await startTestContainerd()
  cluster = await startCriCluster(containerd.endpoint)
  await cluster.startNode()
  await cluster.nodeIs('True')
})

afterAll(async () => {
  await cluster.close()
  await containerd.close()
})

/** What kubectl prints, given something to read. */
function withInput(args: readonly string[], input: string | Buffer): Promise<string> {
  const { binary, env } = cluster.kubectl
  return new Promise((resolve, reject) => {
    const child = execFile(binary, args, { env, timeout: 20_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${error.message}\n${stdout}${stderr}`))
    })
    child.stdin?.end(input)
  })
}

describe('a node with a CRI runtime', () => {
  it('says which one, and is ready when it is', async () => {
    const node = await cluster.node()
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
    expect(node.status?.nodeInfo?.containerRuntimeVersion).toMatch(/^containerd:\/\/\d+\.\d+\.\d+/)
    expect(ready).toMatchObject({ status: 'True', message: 'kubelet is posting ready status' })
  })

  it('runs a pod with an address of the runtime, and brings what clients ask of it', async () => {
    const { kubectl } = cluster
    const script = `echo first; sleep 0.2; echo second >&2; mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; ${forever}`
    await cluster.create(scriptPod('web', script))
    const pod = await cluster.runs('web')
    expect(pod.status?.podIP?.startsWith(containerd.podPrefix)).toBe(true)
    expect(main(pod)).toMatchObject({ ready: true, restartCount: 0, image: toolsImage })
    expect(main(pod)?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/)
    const following = kubectl.follow('logs', '-f', 'web')
    await following.until(/^first\nsecond$/m)
    await following.stop()
    expect(await kubectl.ok('logs', 'web', '--tail=1')).toBe('second\n')
    expect(await kubectl.ok('logs', 'web', '--timestamps', '--since=1h')).toMatch(
      /^\d{4}-.*Z first$/m,
    )
    const failed = await kubectl.run(
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 7',
    )
    expect(failed).toMatchObject({ code: 7, stdout: 'out\n' })
    expect(failed.stderr).toContain('err\n')
    expect(await withInput(['exec', '-i', 'web', '--', 'cat'], 'typed\n')).toBe('typed\n')
    const large = Buffer.alloc(3_000_000, 'abcdefgh\n')
    const source = kubectl.file('large', large.toString('latin1'))
    await kubectl.ok('cp', source, 'web:/tmp/large')
    const copy = kubectl.file('copy', '')
    await kubectl.ok('cp', 'web:/tmp/large', copy)
    expect(readFileSync(copy).equals(large)).toBe(true)
    const forward = kubectl.follow('port-forward', 'web', ':8080')
    const [, port = ''] =
      /127\.0\.0\.1:(\d+)/.exec(await forward.until(/Forwarding from 127/)) ?? []
    expect(await page(`http://127.0.0.1:${port}/index.html`)).toBe('page\n')
    await forward.stop()
  })

  it('follows a log until the container has ended, and joins clients to its input', async () => {
    const { kubectl } = cluster
    const script = 'echo ready; while read line; do echo "got $line"; done; echo done'
    await cluster.create(
      scriptPod('reader', script, {
        container: { stdin: true, stdinOnce: true },
        spec: { restartPolicy: 'Never' },
      }),
    )
    await cluster.runs('reader')
    const log = kubectl.follow('logs', '-f', 'reader')
    await log.until(/^ready$/m)
    const heard = await withInput(['attach', '-i', 'reader'], 'one\ntwo\n')
    expect(heard).toContain('got one\ngot two\n')
    await log.until(/^got two$[^]*^done$/m)
    const over = await cluster.podWhere('reader', 'is over', isOver)
    expect(main(over)?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' })
  })

  it('gives a terminal its size', async () => {
    await cluster.create(scriptPod('terminal', forever))
    await cluster.runs('terminal')
    // Of util-linux: kubectl wants a terminal of its own before it asks for one.
    const { binary, env } = cluster.kubectl
    const command = `stty rows 33 cols 77; ${binary} exec -it terminal -- sh -c 'while [ "$(stty size)" != "33 77" ]; do sleep 0.1; done; stty size'`
    const output = await new Promise<string>((resolve, reject) => {
      execFile('script', ['-qec', command, '/dev/null'], { env, timeout: 20_000 }, (error, text) =>
        error === null ? resolve(text) : reject(error),
      )
    })
    expect(output).toContain('33 77')
  })

  it('knows what containers use', async () => {
    await cluster.create(scriptPod('busy', `while :; do :; done`))
    await cluster.runs('busy')
    const top = await eventually('usage of the pod', async () => {
      const { code, stdout } = await cluster.kubectl.run('top', 'pod', 'busy', '--containers')
      return code === 0 && /busy +main +[1-9]\d+m/.test(stdout) ? stdout : null
    })
    expect(top).toMatch(/Mi/)
    await cluster.remove('busy')
  })
})

const page = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, response => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })

describe.concurrent('a container that ends', () => {
  it.each([
    [
      'well',
      'echo fine > /dev/termination-log',
      'Succeeded',
      { exitCode: 0, reason: 'Completed', message: 'fine\n' },
      {},
    ],
    ['badly', 'exit 3', 'Failed', { exitCode: 3, reason: 'Error' }, {}],
    [
      'out-of-memory',
      'exec head -c 200m /dev/zero | tail',
      'Failed',
      { exitCode: 137, reason: 'OOMKilled' },
      { container: { resources: { limits: { memory: '16Mi' } } } },
    ],
    [
      'with-its-log',
      'echo last words; exit 1',
      'Failed',
      { exitCode: 1, reason: 'Error', message: 'last words\n' },
      { container: { terminationMessagePolicy: 'FallbackToLogsOnError' } },
    ],
    [
      'before-it-began',
      '',
      'Failed',
      { exitCode: 128, reason: 'StartError' },
      { container: { command: ['/no/such/program'] } },
    ],
  ])('%s, says so', async (name, script, phase, terminated, choices: PodChoices) => {
    const manifest = scriptPod(name, script, choices)
    await cluster.create({ ...manifest, spec: { ...manifest.spec, restartPolicy: 'Never' } })
    const pod = await cluster.podWhere(name, 'is over', isOver)
    expect(pod.status?.phase).toBe(phase)
    expect(main(pod)?.state?.terminated).toMatchObject(terminated)
    // Its sandbox has ended with it, and its address is free for others.
    const released = await cluster.podWhere(name, 'has given its sandbox back', ({ status }) =>
      status?.conditions?.some(
        ({ type, status: holds }) => type === 'PodReadyToStartContainers' && holds === 'False',
      ),
    )
    expect(released.status?.podIP?.startsWith(containerd.podPrefix)).toBe(true)
  })

  it('is started again, and its last run is still there to be read', async () => {
    await cluster.create(
      scriptPod(
        'again',
        '[ -e /data/seen ] && sleep 1000; echo first run; touch /data/seen; exit 4',
        {
          container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
          spec: { volumes: [{ name: 'data', emptyDir: {} }] },
        },
      ),
    )
    const pod = await cluster.podWhere(
      'again',
      'runs again',
      found => isRunning(found) && main(found)?.restartCount === 1,
    )
    expect(main(pod)?.lastState?.terminated).toMatchObject({ exitCode: 4, reason: 'Error' })
    expect(await cluster.kubectl.ok('logs', '--previous', 'again')).toBe('first run\n')
  })

  it('has its grace, and a hook before it', async () => {
    const script =
      'trap "echo asked; sleep 0.3; echo left; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    await cluster.create(
      scriptPod('graceful', script, {
        container: {
          lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook > /proc/1/fd/1'] } } },
        },
        spec: { terminationGracePeriodSeconds: 20 },
      }),
    )
    await cluster.runs('graceful')
    const log = cluster.kubectl.follow('logs', '-f', 'graceful')
    await log.until(/^up$/m)
    await cluster.kubectl.ok('delete', 'pod', 'graceful')
    await log.until(/^hook$[^]*^asked$[^]*^left$/m)
  })
})

describe.concurrent('an image', () => {
  const waiting = (reason: string) => (pod: Pod) => main(pod)?.state?.waiting?.reason === reason

  it.each([
    ['never-pulled', 'localhost/absent:1', 'Never', 'ErrImageNeverPull'],
    ['no-name', 'Not A Name', 'IfNotPresent', 'InvalidImageName'],
    ['nowhere', '127.0.0.1:1/absent:1', 'IfNotPresent', 'ErrImagePull'],
    ['still-nowhere', '127.0.0.1:1/absent:2', 'Always', 'ImagePullBackOff'],
  ])('%s keeps its container waiting', async (name, image, imagePullPolicy, reason) => {
    await cluster.create(scriptPod(name, 'true', { container: { image, imagePullPolicy } }))
    const pod = await cluster.podWhere(name, reason, waiting(reason))
    expect(pod.status?.phase).toBe('Pending')
    expect(main(pod)?.state?.waiting?.message).toContain(image)
    await cluster.remove(name)
  })

  it('comes with credentials of the pod, while others have their turn', async () => {
    const user = { username: 'robot', password: 'secret' }
    const image = testImage({ entrypoint: ['sleep', '1000'], env: ['OF=registry'] })
    const registry = await startRegistry(containerd.hostAddress, image, user)
    try {
      containerd.trustRegistry(registry.place)
      const { client } = cluster
      const auths = { [registry.place]: user }
      await client.create(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'pull', namespace: 'default' },
        type: 'kubernetes.io/dockerconfigjson',
        data: {
          '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64'),
        },
      })
      const { command: _, ...container } = scriptPod('pulled', '').spec.containers[0] ?? {
        name: '',
      }
      const name = `${registry.place}/team/app:v1`
      const pod = scriptPod('pulled', '')
      await cluster.create({
        ...pod,
        spec: {
          ...pod.spec,
          imagePullSecrets: [{ name: 'pull' }],
          containers: [{ ...container, image: name, imagePullPolicy: 'Always' }],
        },
      })
      await cluster.runs('pulled')
      expect(await cluster.eventsOf('pulled')).toEqual(
        expect.arrayContaining(['Pulling', 'Pulled']),
      )
      expect(await cluster.kubectl.ok('exec', 'pulled', '--', 'sh', '-c', 'echo $OF')).toBe(
        'registry\n',
      )
    } finally {
      await registry.close()
    }
  })
})

describe.concurrent('a pod', () => {
  it('has the names, servers and volumes that it asks for', async () => {
    await cluster.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'green' },
    })
    const script = [
      'hostname',
      'cat /etc/resolv.conf',
      'grep alias /etc/hosts',
      'cat /config/colour; echo',
      'touch /config/x 2>/dev/null || echo read-only',
      'ls -ldn /data',
      'touch /data/mine && ls -ln /data',
      'id',
    ].join('; ')
    await cluster.create(
      scriptPod('furnished', script, {
        container: {
          volumeMounts: [
            { name: 'config', mountPath: '/config', readOnly: true },
            { name: 'data', mountPath: '/data' },
          ],
        },
        spec: {
          restartPolicy: 'Never',
          hostname: 'desk',
          subdomain: 'office',
          hostAliases: [{ ip: '10.1.2.3', hostnames: ['alias.example'] }],
          securityContext: {
            runAsUser: 1001,
            runAsGroup: 1002,
            fsGroup: 1003,
            supplementalGroups: [1004],
          },
          volumes: [
            { name: 'config', configMap: { name: 'settings' } },
            { name: 'data', emptyDir: {} },
          ],
        },
      }),
    )
    await cluster.podWhere('furnished', 'is over', isOver)
    const log = await cluster.kubectl.ok('logs', 'furnished')
    const lines = log.split('\n')
    expect(lines[0]).toBe('desk')
    expect(log).toContain('search default.svc.cluster.local svc.cluster.local cluster.local')
    expect(log).toContain('nameserver 100.64.0.10')
    expect(log).toContain('options ndots:5')
    expect(log).toContain('10.1.2.3\talias.example')
    expect(lines).toContain('green')
    expect(lines).toContain('read-only')
    expect(log).toMatch(/^drwxrwsrwx +2 0 +1003 .* \/data$/m)
    expect(log).toMatch(/^-rw-r--r-- +1 1001 +1003 .* mine$/m)
    expect(log).toMatch(/^uid=1001 gid=1002 groups=1002,1003,1004$/m)
  })

  it('may do what its security context says, and no more', async () => {
    const script = [
      'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status',
      'touch /x 2>/dev/null || echo root is read-only',
      'cat /proc/sys/net/ipv4/ip_unprivileged_port_start',
      '(echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo proc is read-only',
      'wc -c < /proc/timer_list 2>/dev/null',
    ].join('; ')
    await cluster.create(
      scriptPod('confined', script, {
        container: {
          securityContext: {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
          },
        },
        spec: {
          restartPolicy: 'Never',
          securityContext: {
            sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '80' }],
          },
        },
      }),
    )
    await cluster.podWhere('confined', 'is over', isOver)
    const log = await cluster.kubectl.ok('logs', 'confined')
    expect(log).toMatch(/CapEff:\t0000000000000400\n/)
    expect(log).toMatch(/NoNewPrivs:\t1\n/)
    expect(log).toMatch(/Seccomp:\t2\n/)
    expect(log).toContain('root is read-only\n80\nproc is read-only\n')
  })

  it('shares with its containers, and with the machine, what it says', async () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }]
    const before = ['sh', '-c', 'echo before > /data/x']
    const script = 'cat /data/x; ps | grep -c sleep; ls /sys/class/net'
    await cluster.create(
      scriptPod('shared', script, {
        container: { volumeMounts },
        spec: {
          restartPolicy: 'Never',
          hostNetwork: true,
          shareProcessNamespace: true,
          dnsPolicy: 'Default',
          initContainers: [{ name: 'before', image: toolsImage, command: before, volumeMounts }],
          volumes: [{ name: 'data', emptyDir: {} }],
        },
      }),
    )
    const pod = await cluster.podWhere('shared', 'is over', isOver)
    expect(pod.status?.podIP).toBe(pod.status?.hostIP)
    const log = await cluster.kubectl.ok('logs', 'shared')
    expect(log).toMatch(/^before\n[1-9]/)
    expect(log).toMatch(/pods0/)
  })

  it('does not run as root where it says so', async () => {
    await cluster.create(
      scriptPod('modest', forever, { spec: { securityContext: { runAsNonRoot: true } } }),
    )
    const pod = await cluster.podWhere(
      'modest',
      'waits',
      found => main(found)?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(main(pod)?.state?.waiting?.message).toContain(
      'container has runAsNonRoot and image will run as root',
    )
    await cluster.remove('modest')
  })

  it('says which of its runtimes the node does not know', async () => {
    await cluster.client.create(runtimeClasses, {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'elsewhere' },
      handler: 'steam',
    })
    await cluster.create(
      scriptPod('misplaced', forever, { spec: { runtimeClassName: 'elsewhere' } }),
    )
    await eventually('it is told', async () =>
      (await cluster.eventsOf('misplaced')).includes('FailedCreatePodSandBox'),
    )
    const pod = await cluster.podWhere('misplaced', 'waits', found => main(found)?.state?.waiting)
    expect(main(pod)?.state?.waiting?.reason).toBe('ContainerCreating')
    await cluster.remove('misplaced')
  })

  it('gets another sandbox when its own has died, and runs on with another address', async () => {
    await cluster.create(scriptPod('bereft', `echo here; ${forever}`))
    const before = await cluster.runs('bereft')
    const list = containerd.ctr(
      'containers',
      'list',
      `labels."io.kubernetes.pod.name"==bereft,labels."io.cri-containerd.kind"==sandbox`,
      '-q',
    )
    containerd.ctr('tasks', 'kill', '--signal', 'SIGKILL', list.trim())
    const after = await cluster.podWhere(
      'bereft',
      'runs again',
      pod => isRunning(pod) && main(pod)?.restartCount === 1,
    )
    expect(after.status?.podIP).not.toBe(before.status?.podIP)
    expect(await cluster.eventsOf('bereft')).toContain('SandboxChanged')
  })
})
