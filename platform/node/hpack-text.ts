// Texts of header fields as HPACK shortens them (RFC 7541, appendix B): enough of its code for names of
// hosts and URLs. Leaves out the signs that do not stand in those; node:http2 knows all of them.

/** Signs of as many bits each, in the order of their codes, of which the first is given. */
const ranks: readonly (readonly [bits: number, first: number, signs: string])[] = [
  [5, 0b00000, '012aceiost'],
  [6, 0b010100, ' %-./3456789=A_bdfghlmnpru'],
  [7, 0b1011100, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, 0b11111000, '&*,;XZ'],
  [10, 0b1111111000, '!"()?'],
  [13, 0b1111111111011, '[]'],
]

const bitsMax = 13
const codes = new Map<number, string>(
  ranks.flatMap(([bits, first, signs]) =>
    Array.from(signs, (sign, at): [number, string] => [keyOf(bits, first + at), sign]),
  ),
)

/** Codes of different lengths may be equal as numbers. */
function keyOf(bits: number, code: number): number {
  return 2 ** bits + code
}

/** Null for what this code does not have. */
export function readHeaderText(bytes: Uint8Array): string | null {
  let text = ''
  let code = 0
  let bits = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((byte >> bit) & 1)
      bits += 1
      const sign = codes.get(keyOf(bits, code))
      if (sign !== undefined) {
        text += sign
        code = 0
        bits = 0
      } else if (bits > bitsMax) return null
    }
  }
  // What is left of the last byte is ones.
  return bits < 8 && code === 2 ** bits - 1 ? text : null
}
