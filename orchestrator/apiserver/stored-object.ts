// An object as its stored bytes. The store knows the resourceVersion (the key's mod revision), so
// it is not in the value; it is put in between two slices of the same bytes when they are served.
// Lists and watch events are therefore concatenations: nothing is parsed or printed again.

import type { Kind } from '../api/kind.js'
import type { KubeObject } from '../api/object.js'
import type { Labels } from '../api/selectors.js'
import { fromStored } from '../api/stored-version.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const metadataOpening = '"metadata":{'

/** The value to store. `apiVersion`, `kind` and `metadata` come first, for `StoredObject`. */
export function encodeObject(object: KubeObject): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object
  const { resourceVersion: _, ...meta } = metadata
  return encoder.encode(JSON.stringify({ apiVersion, kind, metadata: meta, ...rest }))
}

/** Remembers up to so many bytes of something, of those who had it made last. */
class Keepsakes {
  readonly #bytesMax: number
  readonly #forget: (stored: StoredObject) => void
  #newest: { readonly stored: StoredObject; readonly bytes: number }[] = []
  #head = 0
  #bytes = 0

  constructor(bytesMax: number, forget: (stored: StoredObject) => void) {
    this.#bytesMax = bytesMax
    this.#forget = forget
  }

  add(stored: StoredObject, bytes: number): void {
    this.#newest.push({ stored, bytes })
    this.#bytes += bytes
    while (this.#bytes > this.#bytesMax && this.#head < this.#newest.length - 1) {
      const oldest = this.#newest[this.#head++]
      if (oldest === undefined) return
      this.#bytes -= oldest.bytes
      this.#forget(oldest.stored)
    }
    // Dropping the consumed part now and then keeps this cheap.
    if (this.#head > 1_024 && this.#head > this.#newest.length / 2) {
      this.#newest = this.#newest.slice(this.#head)
      this.#head = 0
    }
  }
}

/** Of JSON text: parsed, it takes some five times as much. */
const parsedBytesMax = 16 * 1024 * 1024
const wireBytesMax = 64 * 1024 * 1024

// One of each for the process, for what they bound is the process's memory.
const parsedForms = new Keepsakes(parsedBytesMax, stored => stored.forget('parsed'))
const wireForms = new Keepsakes(wireBytesMax, stored => stored.forget('wire'))

/** One object at one revision. Immutable; parses itself when asked for fields. */
export class StoredObject {
  readonly key: string
  /** Mod revision: the resourceVersion. In a deletion, that of the delete. 0: never stored. */
  readonly revision: number
  readonly raw: Uint8Array
  #parsed: KubeObject | null = null
  /** Null: not looked at yet. */
  #labels: { readonly all: Labels | undefined } | null = null
  #fields: Map<string, string> | null = null
  /** As protobuf. */
  #wire: Uint8Array | null = null
  #split = -1

  /** `raw` must not change any more and should not pin a larger buffer. */
  constructor(key: string, revision: number, raw: Uint8Array) {
    this.key = key
    this.revision = revision
    this.raw = raw
  }

  /** With metadata.resourceVersion; kept for a while. Throws SyntaxError for bytes that are no object. */
  get object(): KubeObject {
    if (this.#parsed === null) {
      this.#parsed = this.glance()
      parsedForms.add(this, this.raw.length)
    }
    return this.#parsed
  }

  /** The same for those who go over many: what they parse dies young, which is what memory is good at. */
  glance(): KubeObject {
    if (this.#parsed !== null) return this.#parsed
    const parsed = JSON.parse(decoder.decode(this.raw)) as KubeObject | null
    if (typeof parsed !== 'object' || parsed === null || typeof parsed.metadata !== 'object') {
      throw new SyntaxError(`the value of ${this.key} is not an object of the API`)
    }
    const version = this.revision === 0 ? {} : { resourceVersion: String(this.revision) }
    return { ...parsed, metadata: { ...parsed.metadata, ...version } }
  }

  /** Kept apart from the rest, which selecting by them does not need. */
  get labels(): Labels | undefined {
    this.#labels ??= { all: this.glance().metadata.labels }
    return this.#labels.all
  }

  /** What `read` finds in the object; always the same for one name. Kept as labels are. */
  field(name: string, read: (object: KubeObject) => string): string {
    this.#fields ??= new Map()
    let value = this.#fields.get(name)
    if (value === undefined) {
      value = read(this.glance())
      this.#fields.set(name, value)
    }
    return value
  }

  /** What `encode` makes of the object; always the same. Kept for a while: watchers share it. */
  wire(encode: (object: KubeObject) => Uint8Array): Uint8Array {
    if (this.#wire === null) {
      this.#wire = encode(this.glance())
      wireForms.add(this, this.#wire.length)
    }
    return this.#wire
  }

  /** It is made again when somebody asks. */
  forget(form: 'parsed' | 'wire'): void {
    if (form === 'parsed') this.#parsed = null
    else this.#wire = null
  }

  /** The JSON text as slices to be written one behind another. */
  chunks(): readonly Uint8Array[] {
    if (this.revision === 0) return [this.raw]
    if (this.#split === -1) this.#split = splitPosition(this.raw)
    if (this.#split === 0) return [encoder.encode(JSON.stringify(this.object))]
    const next = this.raw[this.#split]
    const comma = next === 0x7d ? '' : ','
    return [
      this.raw.subarray(0, this.#split),
      Buffer.from(`"resourceVersion":"${this.revision}"${comma}`, 'latin1'),
      this.raw.subarray(this.#split),
    ]
  }

  /** The JSON text of its metadata, in slices; null where that needs parsing. */
  metadataChunks(): readonly Uint8Array[] | null {
    if (this.revision === 0) return null
    if (this.#split === -1) this.#split = splitPosition(this.raw)
    const end = this.#split === 0 ? 0 : closingBrace(this.raw, this.#split)
    if (end === 0) return null
    const comma = this.raw[this.#split] === 0x7d ? '' : ','
    return [
      Buffer.from(`{"resourceVersion":"${this.revision}"${comma}`, 'latin1'),
      this.raw.subarray(this.#split, end + 1),
    ]
  }

  at(revision: number): StoredObject {
    return new StoredObject(this.key, revision, this.raw)
  }
}

/** The object as clients of `kind` see it. Its bytes are made anew where that is another version. */
export function inVersion(kind: Kind, stored: StoredObject): StoredObject {
  if (kind.storedAs === undefined) return stored
  const served = fromStored(kind, stored.glance())
  return new StoredObject(stored.key, stored.revision, encodeObject(served))
}

/** Offset just behind `"metadata":{`; 0 where the bytes were not written by `encodeObject`. */
function splitPosition(raw: Uint8Array): number {
  // apiVersion and kind are short, so the opening stands within the first bytes.
  const head = decoder.decode(raw.subarray(0, 512))
  if (!/^\{"apiVersion":"[^"\\]*","kind":"[^"\\]*","metadata":\{/.test(head)) return 0
  return encoder.encode(head.slice(0, head.indexOf(metadataOpening) + metadataOpening.length))
    .length
}

/** Where the object that `start` lies in ends; 0 where it does not. */
function closingBrace(raw: Uint8Array, start: number): number {
  let open = 1
  for (let at = start; at < raw.length; at++) {
    const byte = raw[at]
    if (byte === quote) at = closingQuote(raw, at + 1)
    else if (byte === 0x7b) open += 1
    else if (byte === 0x7d) open -= 1
    if (open === 0) return at
  }
  return 0
}

const quote = 0x22
const backslash = 0x5c

function closingQuote(raw: Uint8Array, start: number): number {
  let at = start
  while (at < raw.length && raw[at] !== quote) at += raw[at] === backslash ? 2 : 1
  return at
}
