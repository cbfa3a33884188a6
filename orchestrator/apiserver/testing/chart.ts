// A chart as people write them: a kind of its own, an account with its role, settings, a web server behind a Service
// and an Ingress, hooks around it. Placeholders are the plain ones, `{{ .Release.Name }}` and `{{ .Values.x }}`, so
// that a substitution renders them as helm does.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type Values = Readonly<Record<string, string>>

export const defaultValues: Values = {
  greeting: 'hello',
  replicas: '1',
  preparation: 'exit 0',
  extra: '{}',
}

const serverProgram = [
  "require('node:http').createServer((q, r) => r.end(process.env.GREETING))",
  ".listen(8080, process.env.POD_IP); process.on('SIGTERM', () => process.exit(0))",
].join('')

const hook = (name: string, when: string, weight: string, policy: string, command: string) => `
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-${name}"
  annotations:
    helm.sh/hook: ${when}
    helm.sh/hook-weight: "${weight}"
    helm.sh/hook-delete-policy: ${policy}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: host, command: [sh, -c, ${command}]}]
`

export const chartFiles: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 0.1.0\n',
  'values.yaml': Object.entries(defaultValues)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join(''),
  'crds/offers.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: offers.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: offers, kind: Offer}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
`,
  'templates/account.yaml': `
apiVersion: v1
kind: ServiceAccount
metadata: {name: "{{ .Release.Name }}"}
`,
  'templates/role.yaml': `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "{{ .Release.Name }}"}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "{{ .Release.Name }}"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "{{ .Release.Name }}"}
subjects: [{kind: ServiceAccount, name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}]
`,
  'templates/settings.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {greeting: "{{ .Values.greeting }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}"}
stringData: {word: "of {{ .Release.Name }}"}
`,
  'templates/web.yaml': `
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {app: "{{ .Release.Name }}"}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}", labels: {{ .Values.extra }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      serviceAccountName: "{{ .Release.Name }}"
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: host
        command: [node, -e, "${serverProgram}"]
        ports: [{containerPort: 8080}]
        env:
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: GREETING, value: "{{ .Values.greeting }}"}
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: "{{ .Release.Name }}"}
spec:
  rules:
  - host: "{{ .Release.Name }}.example.com"
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: "{{ .Release.Name }}", port: {number: 80}}}
`,
  'templates/offer.yaml': `
apiVersion: shop.example.com/v1
kind: Offer
metadata: {name: "{{ .Release.Name }}"}
spec: {text: "{{ .Values.greeting }}"}
`,
  'templates/hooks.yaml': [
    hook('late', 'pre-install', '5', 'before-hook-creation', '"exit 0"'),
    hook('early', 'pre-install', '-5', 'hook-succeeded', '"{{ .Values.preparation }}"'),
    hook('after', 'post-install,post-upgrade', '0', 'before-hook-creation', '"exit 0"'),
  ].join('---'),
}

export function rendered(text: string, release: string, namespace: string, values: Values): string {
  return text.replaceAll(/\{\{ \.(Release|Values)\.(\w+) \}\}/g, (_, of: string, name: string) => {
    if (of === 'Release') return name === 'Name' ? release : namespace
    return values[name] ?? ''
  })
}

/** The chart as a folder, for helm; `remove` it. */
export function chartFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'raftsman-chart-'))
  for (const [name, text] of Object.entries(chartFiles)) {
    const file = join(path, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
