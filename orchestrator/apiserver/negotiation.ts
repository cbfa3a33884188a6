// What the client wants back (Accept). Counterpart: endpoints/handlers/negotiation of k8s.io/apiserver.
// Answers are JSON, YAML or protobuf, of the object or reshaped as Table or PartialObjectMetadata.

import type { IncludeObject } from '../api/table.js'

export type Shape =
  | { readonly kind: 'object' }
  | { readonly kind: 'table'; readonly version: 'v1' | 'v1beta1'; readonly include: IncludeObject }
  | { readonly kind: 'partial'; readonly version: 'v1' | 'v1beta1' }

export type Format = 'json' | 'yaml' | 'protobuf'

export const mediaTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
}

/** What can be served of a resource. */
export interface Offer {
  readonly formats: readonly Format[]
  /** Objects can be sent in protobuf; their metadata always can. */
  readonly wireForm: boolean
}

export const objectOffer: Offer = { formats: ['json', 'yaml', 'protobuf'], wireForm: true }

/** YAML has no frames. */
export const watchOffer: Offer = { formats: ['json', 'protobuf'], wireForm: true }

/** Documents about the API, which have no message of their own. */
export const documentOffer: Offer = { formats: ['json', 'yaml'], wireForm: false }

export interface Negotiated {
  readonly format: Format
  readonly shape: Shape
}

export interface MediaRange {
  /** Lower case, without parameters. */
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

/** The texts of a 406. */
export function offeredTypes({ formats }: Offer): readonly string[] {
  const frames = formats.includes('yaml') ? '' : ';stream=watch'
  return formats.map(format => mediaTypes[format] + frames)
}

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
    .sort((a, b) => b.quality - a.quality || wildcards(a.type) - wildcards(b.type))
}

/** Of ranges that are liked as much, the more specific one comes first. */
function wildcards(type: string): number {
  return type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0
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
  offer: Offer = objectOffer,
): Negotiated | null {
  for (const range of parseAccept(accept)) {
    const format = offer.formats.find(
      known =>
        range.type === mediaTypes[known] || range.type === '*/*' || range.type === 'application/*',
    )
    if (format === undefined) continue
    const shape = shapeOf(range.parameters, includeObject)
    if (shape !== null && canSend(format, shape, offer)) return { format, shape }
  }
  return null
}

/** Tables have no message; and those of custom resources are known only to their users. */
function canSend(format: Format, shape: Shape, offer: Offer): boolean {
  if (format !== 'protobuf') return true
  return shape.kind === 'partial' || (shape.kind === 'object' && offer.wireForm)
}

/** The format of an answer that is none of the resource: an error, or a Status. */
export function statusFormat(accept: string | undefined): Format {
  return negotiate(accept, null)?.format ?? 'json'
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
