// Base64 of bytes, strict as the Go decoder is: padded, standard alphabet, line breaks allowed.
// Counterpart: encoding/base64 StdEncoding.

export function isBase64(text: string): boolean {
  const plain = text.replace(/[\r\n]/g, '')
  return plain.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(plain)
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** How many bytes a valid text stands for. */
export function base64ByteLength(text: string): number {
  const length = text.replace(/[\r\n]/g, '').length
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return (length / 4) * 3 - padding
}

/** The bytes of a valid text. */
export function decodeBase64(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}
