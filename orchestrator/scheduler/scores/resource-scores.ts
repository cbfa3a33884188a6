// Scores by how full a node would be. Counterpart: plugins noderesources (LeastAllocated,
// BalancedAllocation) and imagelocality.

import { type NodeInfo, nonZeroDefaults, type PodInfo } from '../node-info.js'
import { type Score, scoreMax } from './score.js'

const scored = ['cpu', 'memory'] as const

/** The emptier, the better. Pods without requests count for a little, or they would all pile up. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  run: ({ pod, nodes }) =>
    nodes.map(node => {
      let sum = 0
      let counted = 0
      for (const name of scored) {
        const capacity = node.allocatable.get(name) ?? 0
        if (capacity === 0) continue
        const used = nonZeroRequested(node, name) + nonZeroRequest(pod, name)
        counted++
        sum += used > capacity ? 0 : ((capacity - used) * scoreMax) / capacity
      }
      return counted === 0 ? 0 : Math.floor(sum / counted)
    }),
}

/** CPU and memory should run out together. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  run: ({ pod, nodes }) =>
    nodes.map(node => {
      const fractions: number[] = []
      for (const name of scored) {
        const capacity = node.allocatable.get(name) ?? 0
        if (capacity === 0) continue
        const used = (node.requested.get(name) ?? 0) + (pod.requests.get(name) ?? 0)
        fractions.push(Math.min(1, used / capacity))
      }
      const [a, b] = fractions
      const deviation = a === undefined || b === undefined ? 0 : Math.abs(a - b) / 2
      return Math.floor((1 - deviation) * scoreMax)
    }),
}

function nonZeroRequest({ requests }: PodInfo, name: string): number {
  return requests.get(name) || (nonZeroDefaults.get(name) ?? 0)
}

function nonZeroRequested(node: NodeInfo, name: string): number {
  let sum = 0
  for (const pod of node.pods.values()) sum += nonZeroRequest(pod, name)
  return sum
}

const megabyte = 1024 * 1024
const imageBytesMin = 23 * megabyte
const imageBytesMaxPerContainer = 1000 * megabyte

/** A node that has the images starts sooner; an image that few have counts less, against hot spots. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  run: ({ pod, nodes }) => {
    const wanted = pod.pod.spec.containers.map(container => imageName(container.image ?? ''))
    const sizes = nodes.map(node => imageSizes(node))
    const have = new Map(
      wanted.map(name => [name, sizes.filter(size => size.has(name)).length] as const),
    )
    const limit = imageBytesMaxPerContainer * Math.max(1, wanted.length)
    return sizes.map(size => {
      let bytes = 0
      for (const name of wanted) {
        bytes += ((size.get(name) ?? 0) * (have.get(name) ?? 0)) / Math.max(1, nodes.length)
      }
      const clamped = Math.min(limit, Math.max(imageBytesMin, bytes))
      return Math.floor((scoreMax * (clamped - imageBytesMin)) / (limit - imageBytesMin))
    })
  },
}

function imageSizes({ node }: NodeInfo): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { names = [], sizeBytes = 0 } of node.status?.images ?? []) {
    for (const name of names) sizes.set(name, sizeBytes)
  }
  return sizes
}

function imageName(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1)
  return lastPart.includes(':') || lastPart.includes('@') ? image : `${image}:latest`
}
