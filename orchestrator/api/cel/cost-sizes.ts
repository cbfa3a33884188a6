// How large values may be, and what looking at them costs, before any value is there. Counterpart: SizeEstimate and
// CostEstimate of cel-go's checker, of which only the upper end of a cost is kept: nobody asks for the other.

/** How many elements, characters or bytes. */
export interface Size {
  readonly min: number
  readonly max: number
}

/** What is known of a type before values are: Kubernetes' DeclType. */
export interface SizedType {
  readonly kind:
    | 'bool'
    | 'bytes'
    | 'duration'
    | 'dyn'
    | 'list'
    | 'map'
    | 'null'
    | 'number'
    | 'object'
    | 'optional'
    | 'own'
    | 'string'
    | 'time'
  /** Of types that functions make: "quantity", "url". */
  readonly name?: string
  /** Elements, characters or bytes of the largest value; 0 where values have none. */
  readonly most: number
  /** Of the shortest JSON of a value. */
  readonly bytesMin: number
  /** Of a list, map or optional value. */
  readonly item?: SizedType
  /** Of an object, by the names that expressions use. */
  readonly fields?: ReadonlyMap<string, SizedType>
}

/** Where nothing bounds a size: the most that fits 64 bits, so that products are huge and sums no NaN. */
const boundless = 2 ** 64
export const unknownSize: Size = { min: 0, max: boundless }

/** Looking through a text once, of its length. */
export const perCharacter = 0.1
/** Of the length of a pattern, for every unit that the text costs. */
export const perPatternCharacter = 0.25

export const exactly = (size: number): Size => ({ min: size, max: size })

export function either(a: Size, b: Size): Size {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }
}

export function together(a: Size, b: Size): Size {
  return { min: a.min + b.min, max: a.max + b.max }
}

export function multiplied(a: Size, b: Size): Size {
  return { min: a.min * b.min, max: a.max * b.max }
}

/** Cost of looking at every element. */
export function costOf({ max }: Size, perElement: number): number {
  return Math.ceil(max * perElement)
}

export const dynType: SizedType = { kind: 'dyn', most: 0, bytesMin: 1 }
export const boolType: SizedType = { kind: 'bool', most: 0, bytesMin: 4 }
export const numberType: SizedType = { kind: 'number', most: 0, bytesMin: 1 }
/** Of no known length, as names of fields are: what Kubernetes takes for none at all. */
export const stringType: SizedType = { kind: 'string', most: 0, bytesMin: 2 }
export const nullType: SizedType = { kind: 'null', most: 0, bytesMin: 4 }
export const timeType: SizedType = { kind: 'time', most: 0, bytesMin: 12 }
export const durationType: SizedType = { kind: 'duration', most: 0, bytesMin: 3 }
export const bytesType: SizedType = { kind: 'bytes', most: 0, bytesMin: 2 }

export function listType(item: SizedType, most = 0): SizedType {
  return { kind: 'list', item, most, bytesMin: 2 }
}

export function mapType(item: SizedType, most = 0): SizedType {
  return { kind: 'map', item, most, bytesMin: 2 }
}

export function optionalType(item: SizedType): SizedType {
  return { kind: 'optional', item, most: 0, bytesMin: 1 }
}

export function ownType(name: string): SizedType {
  return { kind: 'own', name, most: 0, bytesMin: 1 }
}

const scalars: ReadonlySet<SizedType['kind']> = new Set(['bool', 'duration', 'number', 'time'])

/** Whether every value of the type is of one size. */
export function isScalar({ kind, item }: SizedType): boolean {
  return scalars.has(kind) || (kind === 'optional' && item !== undefined && isScalar(item))
}
