// Metrics that nobody reads, for tests of parts that count.

import type { Metrics } from '../metrics.js'

export const deafMetrics: Metrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
  observed() {},
}
