// What the fields of API objects mean, as the build noted it (scripts/describe.mjs). A server whose build
// had nothing to note explains its kinds without words.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type {
  Descriptions,
  StructDescription,
} from '../../orchestrator/api/openapi/descriptions.js'

const file = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'api-descriptions.json')

export function apiDescriptions(): Descriptions {
  if (!existsSync(file)) return new Map()
  const texts = JSON.parse(readFileSync(file, 'utf8')) as Record<string, StructDescription>
  return new Map(Object.entries(texts))
}
