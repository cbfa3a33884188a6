// Lint rules that keep the house in order: who may import whom, and what a pure core may not touch.
// The table is ARCHITECTURE.md's; an import that it does not name is an error.

import { dirname, relative, resolve, sep } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** Most specific room first. `may` names rooms or single files; a room may always import itself. */
const rooms = [
  { room: 'platform/node', may: ['platform'] },
  { room: 'platform', may: [] },
  { room: 'raft/core', may: ['platform'] },
  { room: 'raft/storage', may: ['platform', 'raft/core'] },
  { room: 'raft/transport', may: ['platform', 'raft/core', 'raft/state-machine.ts'] },
  { room: 'raft', may: ['platform', 'raft/core', 'raft/storage', 'raft/transport'] },
  { room: 'store/core', may: ['platform', 'raft/core', 'raft/state-machine.ts'] },
  { room: 'store/backend', may: ['platform', 'store/core'] },
  { room: 'store/protocol', may: ['platform', 'store/core/types.ts'] },
  // A client of a real etcd speaks etcd's messages, and knows the texts of its refusals.
  {
    room: 'store/client',
    may: [
      'platform',
      'store/protocol',
      'store/protocol.ts',
      'store/core/types.ts',
      'store/core/errors.ts',
      'store/etcd/messages',
    ],
  },
  { room: 'store/etcd/messages', may: ['platform'] },
  // Two halves of one server: the port offers etcd's services, which answer through what stands
  // behind the port.
  {
    room: 'store/etcd',
    may: [
      'platform',
      'store/etcd/messages',
      'raft/core',
      'store/core',
      'store/protocol',
      'store/protocol.ts',
      'store/server',
    ],
  },
  {
    room: 'store/server',
    may: [
      'platform',
      'raft',
      'raft/core',
      'store/core',
      'store/backend',
      'store/protocol',
      'store/protocol.ts',
      'store/etcd/services.ts',
    ],
  },
  {
    room: 'store',
    may: [
      'platform',
      'store/core',
      'store/backend',
      'store/client',
      'store/server',
      'store/protocol',
    ],
  },
  { room: 'orchestrator/api', may: ['platform/errors.ts'] },
  { room: 'orchestrator/client', may: ['platform', 'orchestrator/api'] },
  {
    room: 'orchestrator/apiserver',
    may: [
      'platform',
      'orchestrator/api',
      'orchestrator/client',
      'store/client',
      'store/core/types.ts',
    ],
  },
  { room: 'orchestrator/streams', may: ['platform', 'orchestrator/api'] },
  {
    room: 'orchestrator/kubelet',
    may: ['platform', 'orchestrator/api', 'orchestrator/client', 'orchestrator/streams'],
  },
  { room: 'orchestrator/node-runtime.ts', may: ['platform', 'orchestrator/kubelet'] },
  {
    room: 'orchestrator/node.ts',
    may: [
      'platform',
      'orchestrator/api',
      'orchestrator/client',
      'orchestrator/kubelet',
      'orchestrator/node-network.ts',
      'orchestrator/node-runtime.ts',
      'orchestrator/dns/start-dns.ts',
    ],
  },
  {
    room: 'orchestrator/node-network.ts',
    may: [
      'platform',
      'orchestrator/api',
      'orchestrator/client',
      'orchestrator/dns',
      'orchestrator/network-policy',
      'orchestrator/proxy',
    ],
  },
  // The kernel's tables belong to two: the proxy and the policies.
  ...['nftables', 'proxy', 'network-policy'].map(name => ({
    room: `orchestrator/${name}`,
    may: ['platform', 'orchestrator/api', 'orchestrator/client', 'orchestrator/nftables'],
  })),
  ...['controllers', 'scheduler', 'dns', 'serving'].map(name => ({
    room: `orchestrator/${name}`,
    may: ['platform', 'orchestrator/api', 'orchestrator/client'],
  })),
  // Balancers forward as the proxy does without root.
  {
    room: 'orchestrator/cloud',
    may: [
      'platform',
      'orchestrator/api',
      'orchestrator/client',
      'orchestrator/controllers/context.ts',
      'orchestrator/controllers/controller-metrics.ts',
      'orchestrator/proxy/userspace/listener.ts',
      'orchestrator/proxy/userspace/rules.ts',
    ],
  },
  // Whole clusters inside of one process: what users test with, and what chaos simulates.
  {
    room: 'testing',
    may: [
      'platform',
      'store',
      'store/client',
      'orchestrator/api',
      'orchestrator/client',
      'orchestrator/apiserver',
      'orchestrator/controllers',
      'orchestrator/scheduler',
    ],
  },
  ...['cli', 'bench', 'chaos'].map(room => ({ room, may: ['*'] })),
]

/** Tests may reach for real parts that their room may not: they are the outside world. */
const isTest = path => /\.test\.ts$|\/testing\//.test(path)

const within = (path, room) => path === room || path.startsWith(`${room}/`)
const roomOf = path => rooms.find(({ room }) => within(path, room))
const toPath = file => relative(root, file).split(sep).join('/')

const imports = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const from = toPath(context.filename)
    const home = roomOf(from)
    if (home === undefined || isTest(from)) return {}
    const check = (node, specifier) => {
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return
      const to = toPath(resolve(dirname(context.filename), specifier)).replace(/\.js$/, '.ts')
      const target = roomOf(to)
      if (target === undefined || target.room === home.room || home.may.includes('*')) return
      if (home.may.includes(target.room) || home.may.includes(to)) return
      context.report({
        node,
        message: `${home.room} may not import ${to}: see the table of rooms in ARCHITECTURE.md`,
      })
    }
    return {
      ImportDeclaration: node => check(node, node.source.value),
      ExportNamedDeclaration: node => check(node, node.source?.value),
      ExportAllDeclaration: node => check(node, node.source.value),
      ImportExpression: node => check(node, node.source.value),
    }
  },
}

const pureCores = [
  /^raft\/core\//,
  /^store\/core\//,
  /^orchestrator\/api\//,
  /^orchestrator\/.*\/reconcile\.ts$/,
  /^orchestrator\/scheduler\/core\//,
]

const impureGlobals = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
  'process',
  'console',
  'Promise',
])

const pure = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const path = toPath(context.filename)
    if (isTest(path) || !pureCores.some(core => core.test(path))) return {}
    const report = (node, what) =>
      context.report({ node, message: `a pure core may not use ${what}: take it as an argument` })
    const asyncFunction = node => {
      if (node.async) report(node, 'async functions')
    }
    return {
      FunctionDeclaration: asyncFunction,
      FunctionExpression: asyncFunction,
      ArrowFunctionExpression: asyncFunction,
      AwaitExpression: node => report(node, 'await'),
      ImportDeclaration(node) {
        if (node.source.value.startsWith('node:')) report(node, node.source.value)
        if (node.source.value.endsWith('/logger.js')) report(node, 'a logger')
      },
      CallExpression({ callee }) {
        if (callee.type === 'Identifier' && impureGlobals.has(callee.name)) {
          report(callee, callee.name)
        }
      },
      MemberExpression(node) {
        const name = `${node.object.name}.${node.property.name}`
        if (name === 'Date.now' || name === 'Math.random') report(node, name)
        if (node.object.type === 'Identifier' && impureGlobals.has(node.object.name)) {
          report(node, node.object.name)
        }
      },
      NewExpression(node) {
        const { name } = node.callee
        if (name === 'Promise') report(node, 'promises')
        // `new Date(x)` only formats a given instant; without arguments it reads the clock.
        if (name === 'Date' && node.arguments.length === 0) report(node, 'the current time')
      },
    }
  },
}

const platformOnly = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const path = toPath(context.filename)
    if (isTest(path) || !/^(raft|store)\//.test(path)) return {}
    return {
      ImportDeclaration(node) {
        if (
          /^node:(fs|net|tls|http2?|https|child_process|timers|os|dgram)/.test(node.source.value)
        ) {
          context.report({
            node,
            message: `only platform/node may import ${node.source.value}: use a platform interface`,
          })
        }
      },
    }
  },
}

export default {
  meta: { name: 'raftsman' },
  rules: { imports, pure, 'platform-only': platformOnly },
}
