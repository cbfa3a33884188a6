import { defineConfig } from 'vitest/config'

// What a machine lacks is left out by the test script, loudly, and never in CI.
const suitesThatNeed: Readonly<Record<string, readonly string[]>> = {
  kubectl: [
    'cli/*.real.test.ts',
    'orchestrator/apiserver/{kubectl,kubectl-*,kubelet-gateway}.real.test.ts',
    'orchestrator/controllers/certificates/certificates.real.test.ts',
    'orchestrator/kubelet/runtimes/cri/{cri-absence,cri-node}.real.test.ts',
  ],
  etcd: [
    'bench/run/sides.real.test.ts',
    'store/etcd/{auth-transcripts,etcdctl,metrics,transcripts,trio}.real.test.ts',
    'store/client/etcd-failover.real.test.ts',
    'orchestrator/apiserver/{api,storage}-conformance.real.test.ts',
    'cli/{apiserver-on-etcd,store-life}.real.test.ts',
    'chaos/differential/differential.real.test.ts',
  ],
  containerd: [
    'orchestrator/kubelet/runtimes/cri/{cri-absence,cri-node,cri-runtime}.real.test.ts',
    'cli/cri-node.real.test.ts',
  ],
  nftables: [
    'orchestrator/node-network.real.test.ts',
    'orchestrator/{nftables,proxy/nftables,network-policy}/*.real.test.ts',
    'orchestrator/cloud/providers/local/local-routes.real.test.ts',
  ],
}
const missing = (process.env['RAFTSMAN_MISSING'] ?? '').split(',')
const leftOut = missing.flatMap(component => suitesThatNeed[component] ?? [])

/** Against an API server of their own, on ports that nobody else has: two files at a time. */
const kubectlSuites = [
  'orchestrator/apiserver/kubectl.real.test.ts',
  'orchestrator/apiserver/kubectl-{admission-policy,apply,auth,conversion,crd,explain,extension,fairness,policy,reviews,storage,webhooks,workloads}.real.test.ts',
]

const everywhere = { exclude: ['node_modules/**', 'dist/**', '.raftsman/**', ...leftOut] }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...everywhere,
          name: 'pure',
          include: ['**/*.test.ts'],
          exclude: [...everywhere.exclude, '**/*.real.test.ts'],
          testTimeout: 30_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Real processes and components: one file at a time, so that none starves another.
        test: {
          ...everywhere,
          name: 'real',
          include: ['**/*.real.test.ts'],
          exclude: [...everywhere.exclude, ...kubectlSuites],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...everywhere,
          name: 'kubectl',
          include: kubectlSuites,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
