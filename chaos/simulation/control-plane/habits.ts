// What people do with a simulated cluster, by name. Apart from how they do it (user.ts), for whoever only draws.

/** What runs. */
export const workloads = ['deployments', 'statefulSets', 'daemonSets', 'jobs', 'cronJobs'] as const

/** What befalls it, and what people do beside it. */
export const pastimes = ['drains', 'pods', 'tallies'] as const

export type Habit = (typeof workloads)[number] | (typeof pastimes)[number]
