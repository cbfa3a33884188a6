// What simulated API servers say they are.

import type { BuildVersion } from '../../../orchestrator/apiserver/server-version.js'

export const simulatedVersion: BuildVersion = {
  version: '0.0.0',
  gitCommit: '0000000000000000000000000000000000000000',
  buildDate: '2026-01-01T00:00:00Z',
  runtime: 'simulated',
  platform: 'simulated',
}
