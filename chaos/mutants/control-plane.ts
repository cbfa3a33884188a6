// Mutants of what stands on the store: controllers, scheduler, leader election, the watch cache, the rules of the
// API. Hunted through whole control planes.

import type { Mutant } from './mutant.js'

const scenario = 'control-plane'

export const controlPlaneMutants: readonly Mutant[] = [
  {
    name: 'stateful-pod-killed-at-once',
    rule: 'a pod of a StatefulSet has ended for certain before another takes its name',
    edits: [
      {
        file: 'orchestrator/controllers/statefulset/controller.js',
        find: 'await client.delete(pods, { namespace, name }, { uid });',
        replace: 'await client.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 });',
      },
    ],
    seedsMax: 20,
    scenario,
  },
  {
    name: 'leads-on-after-the-lease',
    rule: 'who leads stops before anybody else may take the lease',
    edits: [
      {
        file: 'orchestrator/client/leader-election.js',
        find: "this.deadline = clock.setTimer(leftMs, () => this.lose('the lease could not be renewed'));",
        replace: '',
      },
      {
        file: 'orchestrator/client/leader-election.js',
        find: 'permitted: () => this.term === term && this.beforeDeadline(),',
        replace: 'permitted: () => this.term === term,',
      },
    ],
    seedsMax: 60,
    scenario,
  },
  {
    name: 'lease-judged-by-its-own-times',
    rule: "only our own clock counts: what a lease says of times was written by others' clocks",
    edits: [
      {
        file: 'orchestrator/client/lease-decision.js',
        find: 'now.monotonicMs < seen.changedAtMs + durationMs',
        replace: 'now.wallMs < Date.parse(spec.renewTime) + durationMs',
      },
    ],
    seedsMax: 60,
    scenario,
  },
  {
    name: 'conflict-written-over',
    rule: 'an update names the version that it changes, and fails when there is a newer one',
    edits: [
      {
        file: 'orchestrator/apiserver/resource-endpoints.js',
        find: 'checkVersion(kind, wanted, current);',
        replace: '',
      },
    ],
    seedsMax: 60,
    scenario,
  },
  {
    name: 'cache-skips-deletions',
    rule: 'a watcher is told of every change of what it watches',
    edits: [
      {
        file: 'orchestrator/apiserver/resource-cache.js',
        find: "this.#append('DELETED', revision, previous.at(revision), previous);",
        replace: '',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'failure-not-tried-again',
    rule: 'what failed is tried again, later and later',
    edits: [
      {
        file: 'orchestrator/client/work-queue.js',
        find: 'queue.addRateLimited(key);',
        replace: '',
      },
    ],
    seedsMax: 20,
    scenario,
  },
  {
    name: 'job-counts-a-pod-twice',
    rule: 'a pod whose end is noted is counted once, when it has been let go, and then noted no more',
    edits: [
      {
        file: 'orchestrator/controllers/job/ends.js',
        find: 'counted[how]++; continue;',
        replace: 'counted[how]++; lists[how].push(uid); continue;',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'job-lets-go-before-it-notes',
    rule: 'the end of a pod is in the status of its job before its finalizer goes',
    edits: [
      {
        file: 'orchestrator/controllers/job/ends.js',
        find: 'if (isListed(job, pod, how, indexes)) lists[how].push(uid);',
        replace: '',
      },
    ],
    seedsMax: 10,
    scenario,
  },
  {
    name: 'dependents-not-told',
    rule: 'what names an owner is looked at when the owner has gone',
    edits: [
      {
        file: 'orchestrator/controllers/garbagecollector/graph.js',
        find: 'const check = this.dependentsOf(uid).map(dependent => dependent.uid);',
        replace: 'const check = [];',
      },
    ],
    seedsMax: 20,
    scenario,
  },
  {
    name: 'budget-not-asked',
    rule: 'an eviction is refused where the budget has nothing left',
    edits: [
      {
        file: 'orchestrator/apiserver/eviction.js',
        find: 'if (disruptionsAllowed === 0) {',
        replace: 'if (false) {',
      },
    ],
    seedsMax: 60,
    scenario,
  },
  {
    name: 'nodes-given-up-at-once',
    rule: 'one node in ten seconds is given up, so that a fault of ours does not empty a cluster',
    edits: [
      {
        file: 'orchestrator/controllers/nodelifecycle/controller.js',
        find: 'evictionAllowedAtMs.set(zone, nowMs + 1000 / rate);',
        replace: '',
      },
    ],
    seedsMax: 100,
    scenario,
  },
  {
    name: 'assumed-pods-forgotten',
    rule: 'a pod on its way to a node takes its room there',
    edits: [
      {
        file: 'orchestrator/scheduler/scheduler.js',
        find: 'this.state.assume(pod, placement.chosen.name);',
        replace: '',
      },
    ],
    seedsMax: 20,
    scenario,
  },
]
