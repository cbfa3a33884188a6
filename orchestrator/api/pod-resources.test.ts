import { describe, expect, test } from 'vitest'
import { podQosClass, podRequests } from './pod-resources.js'
import { formatQuantity } from './quantity.js'
import type { Container } from './types/core-container.js'
import type { PodSpec } from './types/core-pod.js'

function container(cpu: string, more: Partial<Container> = {}): Container {
  return { name: 'c', resources: { requests: { cpu } }, ...more }
}

const sidecar = { restartPolicy: 'Always' }

test.each<readonly [string, PodSpec, string]>([
  ['containers add up', { containers: [container('1'), container('500m')] }, '1500m'],
  [
    'the hungriest init container counts where it needs more',
    { containers: [container('1')], initContainers: [container('3'), container('2')] },
    '3',
  ],
  [
    'sidecars run beside the containers',
    { containers: [container('1')], initContainers: [container('1', sidecar), container('500m')] },
    '2',
  ],
  [
    'sidecars run beside later init containers',
    { containers: [container('1')], initContainers: [container('1', sidecar), container('3')] },
    '4',
  ],
  [
    'the overhead comes on top',
    { containers: [container('1')], overhead: { cpu: '250m' } },
    '1250m',
  ],
])('%s', (_, spec, cpu) => {
  const total = podRequests(spec).get('cpu')
  expect(total === undefined ? null : formatQuantity(total)).toBe(cpu)
})

describe('quality of service', () => {
  const full = { cpu: '1', memory: '1Gi' }

  test.each<readonly [string, Container['resources'], string]>([
    ['nothing asked', {}, 'BestEffort'],
    ['other resources only', { limits: { 'example.com/gpu': '1' } }, 'BestEffort'],
    ['limits only', { limits: full }, 'Guaranteed'],
    ['limits and equal requests', { limits: full, requests: { cpu: '1000m' } }, 'Guaranteed'],
    ['smaller requests', { limits: full, requests: { cpu: '500m' } }, 'Burstable'],
    ['no memory limit', { limits: { cpu: '1' } }, 'Burstable'],
    ['requests only', { requests: full }, 'Burstable'],
  ])('%s', (_, resources, expected) => {
    const spec = { containers: [{ name: 'c', ...(resources === undefined ? {} : { resources }) }] }
    expect(podQosClass(spec)).toBe(expected)
  })
})
