// What the client wants back (Accept) and what it sent (Content-Type). Counterpart: apiserver's
// negotiation. Answers are JSON, YAML, or JSON reshaped as Table or PartialObjectMetadata;
// protobuf is read but never written, which its clients accept.

import type { IncludeObject } from '../api/table.js'

export type Shape =
  | { readonly kind: 'object' }
  | { readonly kind: 'table'; readonly version: 'v1' | 'v1beta1'; readonly include: IncludeObject }
  | { readonly kind: 'partial'; readonly version: 'v1' | 'v1beta1' }

export interface Negotiated {
  readonly format: 'json' | 'yaml'
  readonly shape: Shape
}

export interface MediaRange {
  /** Lower case, without parameters. */
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

export const acceptedTypes = ['application/json', 'application/yaml']

/** More media ranges than any client sends; the rest are not looked at. */
const rangesMax = 32

/** The ranges of an Accept header, preferred first. */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  if (header === undefined || header.trim() === '') return [parseMediaType('*/*')]
  return header
    .split(',')
    .slice(0, rangesMax)
    .map(parseMediaType)
    .filter(range => range.quality > 0)
    .sort((a, b) => b.quality - a.quality)
}

export function parseMediaType(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';')
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const equals = parameter.indexOf('=')
    if (equals === -1) continue
    const value = parameter.slice(equals + 1).trim()
    parameters.set(
      parameter.slice(0, equals).trim().toLowerCase(),
      value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value,
    )
  }
  const quality = Number(parameters.get('q') ?? '1')
  return {
    type: type.trim().toLowerCase(),
    parameters,
    quality: Number.isFinite(quality) ? quality : 0,
  }
}

/** Null: nothing that is asked for can be served (406). */
export function negotiate(
  accept: string | undefined,
  includeObject: string | null,
): Negotiated | null {
  for (const range of parseAccept(accept)) {
    const format = formatOf(range.type)
    if (format === null) continue
    const shape = shapeOf(range.parameters, includeObject)
    if (shape !== null) return { format, shape }
  }
  return null
}

function formatOf(type: string): 'json' | 'yaml' | null {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  if (type === 'application/yaml') return 'yaml'
  return null
}

function shapeOf(
  parameters: ReadonlyMap<string, string>,
  includeObject: string | null,
): Shape | null {
  const as = parameters.get('as')
  if (as === undefined) return { kind: 'object' }
  const version = parameters.get('v')
  if (parameters.get('g') !== 'meta.k8s.io') return null
  if (version !== 'v1' && version !== 'v1beta1') return null
  if (as === 'Table') {
    const include: IncludeObject =
      includeObject === 'Object' || includeObject === 'None' ? includeObject : 'Metadata'
    return { kind: 'table', version, include }
  }
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
    return { kind: 'partial', version }
  }
  return null
}
