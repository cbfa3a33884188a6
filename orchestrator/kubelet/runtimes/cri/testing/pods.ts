// Short ways to write down pods of the tests, and to say what has become of them.

import type { Container } from '../../../../api/types/core-container.js'
import type { ContainerStatus } from '../../../../api/types/core-pod-status.js'
import type { Pod } from '../../../../api/types/core-pod.js'
import { toolsImage } from './containerd.js'

export interface PodChoices {
  readonly spec?: Partial<Pod['spec']>
  readonly container?: Partial<Container>
}

/** One container that runs the script by a shell. */
export const scriptPod = (
  name: string,
  script: string,
  { spec, container }: PodChoices = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: toolsImage, command: ['sh', '-c', script], ...container }],
    ...spec,
  },
})

/** Until it is asked to end. */
export const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done'

export const main = (pod: Pod): ContainerStatus | undefined => pod.status?.containerStatuses?.[0]

export const isRunning = (pod: Pod): boolean =>
  pod.status?.phase === 'Running' && main(pod)?.state?.running !== undefined

export const isOver = (pod: Pod): boolean =>
  ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
