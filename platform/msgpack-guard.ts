// What stands before the MessagePack decoder: it walks the bytes without building anything. Maps,
// extensions (records, structures, dates), deep nesting and lengths that lie never reach msgpackr,
// whatever a peer sends or a disk returns.

export interface PackedRules {
  /** Values in all, at any depth. */
  readonly itemsMax: number
  /** Arrays within arrays; the outermost is 1. */
  readonly depthMax: number
  /** Of each text. */
  readonly textBytesMax: number
  /**
   * `own`: as packArray writes them. `any`: other libraries may have written them, so floats of 32
   * bits and integers of 64 are accepted too.
   */
  readonly numbers: 'own' | 'any'
  /** Makes what is thrown, in the terms of the room that reads the bytes. */
  readonly error: (detail: string, cause?: unknown) => Error
}

/** Forms up to here are the bytes that the value takes, tag and all; 0 is refused. */
const fixedMax = 9
const shortText = 16
const shortArray = 17
/** To each of these, the width of the length behind the tag is added: 1, 2 or 4 bytes. */
const binary = 24
const text = 32
const array = 40

const anyForms = formsByTag()
const ownForms = anyForms.slice()
for (const foreign of [0xca, 0xcf, 0xd3]) ownForms[foreign] = 0

function formsByTag(): Uint8Array {
  const forms = new Uint8Array(256)
  // Integers of seven bits, nil, false, true, small negative integers.
  forms.fill(1, 0x00, 0x80).fill(1, 0xc0, 0xc1).fill(1, 0xc2, 0xc4).fill(1, 0xe0)
  forms.fill(shortArray, 0x90, 0xa0).fill(shortText, 0xa0, 0xc0)
  forms.set([binary + 1, binary + 2, binary + 4], 0xc4)
  // Floats of 32 and 64 bits; integers of 8 to 64 bits, first without sign, then with one.
  forms.set([5, 9, 2, 3, 5, 9, 2, 3, 5, 9], 0xca)
  forms.set([text + 1, text + 2, text + 4, array + 2, array + 4], 0xd9)
  return forms
}

/** Throws `rules.error` unless `bytes` is exactly one array of PackedValues within the limits. */
export function checkPacked(bytes: Uint8Array, rules: PackedRules): void {
  const forms = rules.numbers === 'any' ? anyForms : ownForms
  const { length } = bytes
  // Values still to come in the arrays around the innermost; a loop, so nesting costs no stack.
  const open: number[] = []
  let pending = 1
  let items = 1
  let at = 0
  while (pending > 0) {
    if (at >= length) throw rules.error('it ends early')
    pending -= 1
    const tag = bytes[at] as number
    const form = forms[tag] as number
    if (form <= fixedMax) {
      if (form === 0) throw rules.error(refusal(tag))
      at += form
    } else {
      const width = form < binary ? 0 : form & 7
      if (at + 1 + width > length) throw rules.error('it ends early')
      const declared =
        width > 0 ? bigEndian(bytes, at + 1, width) : tag & (form === shortText ? 0x1f : 0x0f)
      at += 1 + width
      if (form === shortArray || form > array) {
        // Each value takes a byte at least: refused before anything of that size is made.
        if (declared > length - at) throw rules.error('an array is longer than what it stands in')
        items += declared
        if (items > rules.itemsMax) throw rules.error(`more than ${rules.itemsMax} items`)
        open.push(pending)
        if (open.length > rules.depthMax) {
          throw rules.error(`nested deeper than ${rules.depthMax}`)
        }
        pending = declared
      } else {
        if (declared > rules.textBytesMax && (form === shortText || form > text)) {
          throw rules.error(`a text is longer than ${rules.textBytesMax} bytes`)
        }
        at += declared
      }
    }
    if (at > length) throw rules.error('it ends early')
    if (open.length === 0) throw rules.error('it is not an array')
    while (pending === 0 && open.length > 0) pending = open.pop() as number
  }
  if (at !== length) throw rules.error('bytes follow it')
}

function refusal(tag: number): string {
  const what = anyForms[tag] === 0 ? 'maps and extensions' : 'short floats and long integers'
  return `${what} are refused (byte 0x${tag.toString(16)})`
}

function bigEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let offset = 0; offset < width; offset += 1)
    value = value * 256 + (bytes[at + offset] as number)
  return value
}
