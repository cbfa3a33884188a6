// What the load consists of: objects of a size.

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Text that compresses as little as a base64 of something would, always the same. */
export function filler(bytes: number, seed: number): string {
  let state = seed + 1
  let text = ''
  while (text.length < bytes) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    text += letters[state % letters.length]
  }
  return text
}

const oneKibibyte = filler(1_024, 0)

export function configMap(name: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { value: oneKibibyte },
    }),
  )
}

/** As a Deployment would have it, of about `bytes` in the store; no scheduler takes it. */
export function pod(name: string, labels: Record<string, string>, environment: number): Buffer {
  const env = Array.from({ length: environment }, (_, at) => ({
    name: `SETTING_${at}`,
    value: filler(40, at),
  }))
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels, annotations: { 'example.com/checksum': filler(64, 7) } },
      spec: {
        schedulerName: 'nobody',
        containers: [
          {
            name: 'main',
            image: 'registry.example.com/team/service:v1.2.3',
            env,
            ports: [{ name: 'http', containerPort: 8080 }],
            resources: {
              requests: { cpu: '100m', memory: '128Mi' },
              limits: { cpu: '1', memory: '512Mi' },
            },
            readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 10 },
            volumeMounts: [{ name: 'config', mountPath: '/etc/service', readOnly: true }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'service', optional: true } }],
      },
    }),
  )
}
