// Looks a MessagePack value over before it is decoded: only nil, booleans, integers below 2^53,
// 64-bit floats, strings, binaries and arrays, within limits of depth and of declared lengths.
// Maps and extensions do not exist here, so neither record definitions nor dates can come in.

import { StoreError } from './errors.js'

export interface GuardLimits {
  readonly depthMax: number
  /** Values in all, at any depth. */
  readonly itemsMax: number
}

/** Throws `malformed` unless `bytes` is exactly one acceptable value. */
export function guardMessagePack(bytes: Uint8Array, limits: GuardLimits): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.length
  // open[d]: values still to come in the array at depth d.
  const open: number[] = [1]
  let items = 0
  let at = 0
  while (open.length > 0) {
    const top = open.length - 1
    if (open[top] === 0) {
      open.pop()
      continue
    }
    open[top] = (open[top] as number) - 1
    if (at >= length) throw new StoreError('malformed', 'it ends early')
    if (++items > limits.itemsMax) throw new StoreError('malformed', 'too many values')
    const tag = bytes[at++] as number
    if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) continue
    if (tag >= 0xa0 && tag <= 0xbf) {
      at += tag & 0x1f
    } else if (tag >= 0x90 && tag <= 0x9f) {
      push(open, tag & 0x0f, length - at, limits)
    } else {
      const width = lengthWidth(tag)
      if (at + width > length) throw new StoreError('malformed', 'it ends early')
      const count =
        width === 1
          ? view.getUint8(at)
          : width === 2
            ? view.getUint16(at)
            : width === 4
              ? view.getUint32(at)
              : 0
      at += width
      if (tag === 0xdc || tag === 0xdd) push(open, count, length - at, limits)
      else at += scalarBytes(tag, count)
    }
    if (at > length) throw new StoreError('malformed', 'it ends early')
  }
  if (at !== length) throw new StoreError('malformed', 'bytes follow it')
}

function push(open: number[], count: number, bytesLeft: number, limits: GuardLimits): void {
  // A value takes a byte at least: a declared length beyond that is a lie, refused before any
  // decoder makes an array of it.
  if (count > bytesLeft) throw new StoreError('malformed', 'an array is longer than the message')
  if (open.length > limits.depthMax) throw new StoreError('malformed', 'nested too deeply')
  open.push(count)
}

/** Bytes of the length field behind a tag; 0 where there is none. */
function lengthWidth(tag: number): 0 | 1 | 2 | 4 {
  switch (tag) {
    case 0xc4: // bin 8
    case 0xd9: // str 8
      return 1
    case 0xc5:
    case 0xda:
    case 0xdc: // array 16
      return 2
    case 0xc6:
    case 0xdb:
    case 0xdd:
      return 4
    default:
      return 0
  }
}

function scalarBytes(tag: number, count: number): number {
  switch (tag) {
    case 0xc4:
    case 0xc5:
    case 0xc6:
    case 0xd9:
    case 0xda:
    case 0xdb:
      return count
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return 1
    case 0xcd:
    case 0xd1:
      return 2
    case 0xce:
    case 0xd2:
      return 4
    case 0xcb: // float 64
      return 8
    default:
      throw new StoreError('malformed', `value type ${tag.toString(16)} is not accepted`)
  }
}
