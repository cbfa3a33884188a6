// A node that has the images starts sooner; an image that few have counts less, against hot spots.
// Counterpart: plugin imagelocality.

import type { Plugin } from '../plugin.js'
import { scoreMax } from '../plugin.js'

const megabyte = 1024 * 1024
const imageBytesMin = 23 * megabyte
const imageBytesMaxPerContainer = 1000 * megabyte

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  score: ({ pod: { pod }, snapshot }) => {
    const { containers, initContainers = [] } = pod.spec
    const images = [...initContainers, ...containers].map(({ image = '' }) => imageName(image))
    const total = snapshot.nodes.length
    const known = images.map(name => snapshot.nodesWithImage(name)).filter(nodes => nodes.size > 0)
    if (known.length === 0) return null
    const bytesMax = imageBytesMaxPerContainer * images.length
    return {
      score: node => {
        let bytes = 0
        for (const nodes of known) {
          bytes += Math.floor(((nodes.get(node) ?? 0) * nodes.size) / total)
        }
        const clamped = Math.min(bytesMax, Math.max(imageBytesMin, bytes))
        return Math.floor((scoreMax * (clamped - imageBytesMin)) / (bytesMax - imageBytesMin))
      },
    }
  },
}

function imageName(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1)
  return lastPart.includes(':') || lastPart.includes('@') ? image : `${image}:latest`
}
