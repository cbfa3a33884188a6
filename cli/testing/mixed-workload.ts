// One of each workload, as manifests, for a cluster that is hurt meanwhile. What runs are shell scripts of the image
// `host` that write down what they did: the machine is a witness beside the API.

export const namespace = 'mixed'

export const sizes = {
  web: 6,
  guarded: 4,
  /** Of the guarded ones, by their budget. */
  available: 3,
  db: 3,
  indexed: 8,
  plain: 4,
} as const

/** Replaces the shell, so that whoever tells the container to end tells this. */
const forEver = 'exec sleep 100000'

/** A line into the file `twice` from whoever begins before the one of the same name is dead, however that died. */
const alone = (folder: string): string =>
  `exec 9>${folder}/$POD_NAME.lock; flock -n 9 || { echo $POD_NAME >>${folder}/twice; exit 1; }; ${forEver}`

/** A line a run, into a file of the workload's name. */
const work = (folder: string, file: string, line: string): string =>
  `sleep 1; echo ${line} >>${folder}/${file}`

/** Further lines, each in flow style. */
interface More {
  readonly spec?: readonly string[]
  readonly container?: readonly string[]
}

const podTemplate = (app: string, script: string, { spec = [], container = [] }: More = {}) => `
metadata: {labels: {app: ${app}}}
spec:
  terminationGracePeriodSeconds: 5
  ${spec.join('\n  ')}
  containers:
    - name: main
      image: host
      command: [/bin/sh, -c, '${script}']
      ${container.join('\n      ')}
      env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: GENERATION, value: "1"}
      resources: {requests: {cpu: 5m, memory: 4Mi}}
`

/** A volume that is made for the pod and goes with it. */
const scratch = {
  spec: [
    'volumes: [{name: scratch, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}}}]',
  ],
  container: ['volumeMounts: [{name: scratch, mountPath: /scratch}]'],
}

const indented = (text: string, by: number): string =>
  text.trim().replaceAll(/^/gm, ' '.repeat(by)).trimStart()

const deployment = (name: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  minReadySeconds: 1
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: ${name}}}
  template:
    ${indented(podTemplate(name, forEver), 4)}
`

const jobSpec = (script: string, completions: number, line = '', more: More = {}): string => {
  const spec = ['restartPolicy: Never', ...(more.spec ?? [])]
  return `
completions: ${completions}
parallelism: 2
${line}
template:
  ${indented(podTemplate('job', script, { ...more, spec }), 2)}
`
}

const job = (name: string, spec: string): string => `
apiVersion: batch/v1
kind: Job
metadata: {name: ${name}}
spec:
  ${indented(spec, 2)}
`

const cronJob = (folder: string, name: string, suspend: boolean): string => `
apiVersion: batch/v1
kind: CronJob
metadata: {name: ${name}}
spec:
  schedule: "* * * * *"
  suspend: ${suspend}
  successfulJobsHistoryLimit: 20
  jobTemplate:
    spec:
      ${indented(jobSpec(work(folder, name, '$POD_NAME'), 1), 6)}
`

/** What is there from the beginning to the end. */
export const lasting = (folder: string): string =>
  [
    deployment('web', sizes.web),
    deployment('guarded', sizes.guarded),
    `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guarded}
spec: {minAvailable: ${sizes.available}, selector: {matchLabels: {app: guarded}}}
`,
    `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: ${sizes.db}
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    ${indented(podTemplate('db', alone(folder)), 4)}
`,
    `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    ${indented(podTemplate('agent', forEver), 4)}
`,
    cronJob(folder, 'each-minute', false),
    cronJob(folder, 'by-hand', true),
  ].join('---')

/** What begins and ends, once a round; and a Deployment to be deleted. */
export const passing = (folder: string, round: number): string => {
  const indexed = work(folder, `indexed-${round}`, '$JOB_COMPLETION_INDEX')
  // Written into its own volume, and read from there.
  const line = '$(echo $POD_NAME >scratch/name; cat scratch/name)'
  const plain = work(folder, `plain-${round}`, line)
  return [
    job(`indexed-${round}`, jobSpec(indexed, sizes.indexed, 'completionMode: Indexed')),
    job(`plain-${round}`, jobSpec(plain, sizes.plain, '', scratch)),
    deployment(`doomed-${round}`, 2),
  ].join('---')
}
