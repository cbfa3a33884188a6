import { expect, it } from 'vitest'

import { progressIsReliable } from './progress.js'

it.each(['3.4.31', '3.4.40', '3.5.13', '3.6.0', '3.7.0', '4.0.0', '3.5.13-rc.1'])(
  'progress of etcd %s is in order',
  version => {
    expect(progressIsReliable(version)).toBe(true)
  },
)

it.each(['3.4.30', '3.4.23', '3.5.12', '3.3.99', '2.3.8', 'unknown', ''])(
  'progress of etcd "%s" may run ahead',
  version => {
    expect(progressIsReliable(version)).toBe(false)
  },
)
