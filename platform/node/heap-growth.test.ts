import { expect, test } from 'vitest'
import { growthPercent } from './heap-growth.js'

const mebibyte = 1024 * 1024

test.each([
  [20, 128, 640],
  [1, 128, 1_000],
  [0, 128, 1_000],
  [100, 128, 128],
  [128, 128, 0],
  [900, 128, 0],
])('A heap of %i MiB that may gather %i grows by %i percent.', (heap, garbage, percent) => {
  expect(growthPercent(heap * mebibyte, garbage * mebibyte)).toBe(percent)
})
