// When is a cluster up? When kubectl can create a pod and it will run: the API answers, the default
// service account is there, controllers and scheduler have a leader, every node is Ready.

import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { leases, nodes, serviceAccounts } from '../../orchestrator/client/resources.js'
import type { Clock } from '../../platform/clock.js'
import { openApi } from '../api-access.js'
import { UserError } from '../user-error.js'
import type { ClusterPlan, Layout } from './layout.js'
import { shortPath } from './progress.js'
import type { Supervisor } from './supervisor.js'

const pollMs = 150
const readyMsMax = 120_000
const callMsMax = 5_000

interface Condition {
  readonly text: string
  readonly holds: () => Promise<boolean>
}

const falseOnError = (check: Promise<boolean>): Promise<boolean> => check.catch(() => false)

async function hasLeader(api: ApiClient, name: string): Promise<boolean> {
  const lease = await api.get(leases, { namespace: 'kube-system', name }, { timeoutMs: callMsMax })
  return (lease.spec?.holderIdentity ?? '') !== ''
}

async function areNodesReady(api: ApiClient, names: readonly string[]): Promise<boolean> {
  const { items } = await api.list(nodes, { timeoutMs: callMsMax })
  const ready = items.filter(node =>
    node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  )
  const readyNames = new Set(ready.map(({ metadata }) => metadata.name))
  return names.every(name => readyNames.has(name))
}

function conditionsOf(api: ApiClient, plan: ClusterPlan): readonly Condition[] {
  const nodeNames = plan.nodes.map(({ name }) => name)
  return [
    {
      text: 'stores have a leader, the API answers',
      holds: async () => {
        await api.get(
          serviceAccounts,
          { namespace: 'default', name: 'default' },
          { timeoutMs: callMsMax },
        )
        return true
      },
    },
    {
      text: 'controllers and scheduler have a leader',
      holds: async () =>
        (await hasLeader(api, 'kube-controller-manager')) &&
        (await hasLeader(api, 'kube-scheduler')),
    },
    {
      text: nodeNames.length === 1 ? '1 node is ready' : `${nodeNames.length} nodes are ready`,
      holds: () => areNodesReady(api, nodeNames),
    },
  ]
}

/** Resolves when all of it holds. Rejects when a component keeps dying, or after two minutes. */
export async function awaitReadiness(
  layout: Layout,
  plan: ClusterPlan,
  supervisor: Supervisor,
  clock: Clock,
  step: (text: string) => void,
): Promise<void> {
  const access = openApi(layout, plan, clock)
  const deadlineMs = clock.monotonicMs() + readyMsMax
  try {
    for (const { text, holds } of conditionsOf(access.api, plan)) {
      while (!(await falseOnError(holds()))) {
        const { failing } = supervisor
        if (failing !== null) {
          throw new UserError(
            `${failing.name} does not stay up; see ${shortPath(failing.logFile)}.`,
          )
        }
        if (clock.monotonicMs() > deadlineMs) {
          throw new UserError(
            `The cluster is not ready after ${readyMsMax / 1000} s: waiting until ${text}. See ${shortPath(layout.logs)}.`,
          )
        }
        await new Promise<void>(resolve => clock.setTimer(pollMs, resolve))
      }
      step(text)
    }
  } finally {
    access.close()
  }
}
