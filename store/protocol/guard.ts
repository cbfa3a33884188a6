// What stands before the decoder: walks a frame without building anything and refuses all that the
// protocol does not use. MessagePack maps, extensions (records, structures, bundled strings,
// timestamps) and oversized nesting never reach msgpackr, so its decoder sees arrays, numbers,
// booleans, nil, text and binaries only, of which every length has been checked.

import { ProtocolError, protocolLimits } from './messages.js'

/** @throws ProtocolError, and nothing else, for every frame that is not one plain array. */
export function checkFrame(frame: Uint8Array, itemsMax: number): void {
  // Items still to be read of each open array; the walk is a loop, so nesting costs no stack.
  const open: number[] = []
  let position = 0
  let items = 0
  let pending = 1
  while (pending > 0) {
    if (position >= frame.length) throw new ProtocolError('it ends inside a value')
    items += 1
    if (items > itemsMax) throw new ProtocolError(`more than ${itemsMax} items`)
    pending -= 1
    const count = arrayCount(frame, position)
    if (count < 0) {
      if (items === 1) throw new ProtocolError('it is not an array of messages')
      position = afterScalar(frame, position)
      if (position > frame.length) throw new ProtocolError('it ends inside a value')
    } else {
      position += arrayHeaderBytes(frame, position)
      // Each item takes a byte at least, so a longer count is a lie: refuse it before allocating.
      if (count > frame.length - position) throw new ProtocolError('an array exceeds the frame')
      open.push(pending)
      if (open.length > protocolLimits.depthMax) {
        throw new ProtocolError(`nested deeper than ${protocolLimits.depthMax}`)
      }
      pending = count
    }
    while (pending === 0 && open.length > 0) pending = open.pop() ?? 0
  }
  if (position !== frame.length) throw new ProtocolError('bytes follow the array of messages')
}

/** Items of the array that starts here; -1 where no array starts. */
function arrayCount(frame: Uint8Array, position: number): number {
  const token = byteAt(frame, position)
  if (token >= 0x90 && token <= 0x9f) return token - 0x90
  if (token === 0xdc) return uint(frame, position + 1, 2)
  if (token === 0xdd) return uint(frame, position + 1, 4)
  return -1
}

function arrayHeaderBytes(frame: Uint8Array, position: number): number {
  const token = byteAt(frame, position)
  return token === 0xdc ? 3 : token === 0xdd ? 5 : 1
}

/** Where the scalar that starts here ends; the caller compares it with the frame. */
function afterScalar(frame: Uint8Array, position: number): number {
  const token = byteAt(frame, position)
  if (token <= 0x7f || token >= 0xe0) return position + 1
  if (token >= 0xa0 && token <= 0xbf) return position + 1 + token - 0xa0
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return position + 1
    case 0xc4: // binary
      return position + 2 + uint(frame, position + 1, 1)
    case 0xc5:
      return position + 3 + uint(frame, position + 1, 2)
    case 0xc6:
      return position + 5 + uint(frame, position + 1, 4)
    case 0xcc: // numbers, one to eight bytes
    case 0xd0:
      return position + 2
    case 0xcd:
    case 0xd1:
      return position + 3
    case 0xca:
    case 0xce:
    case 0xd2:
      return position + 5
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return position + 9
    case 0xd9: // text
      return position + 2 + textLength(uint(frame, position + 1, 1))
    case 0xda:
      return position + 3 + textLength(uint(frame, position + 1, 2))
    case 0xdb:
      return position + 5 + textLength(uint(frame, position + 1, 4))
    default:
      throw new ProtocolError(`maps and extensions are refused (byte 0x${token.toString(16)})`)
  }
}

function textLength(length: number): number {
  const { textBytesMax } = protocolLimits
  if (length > textBytesMax) throw new ProtocolError(`a text is longer than ${textBytesMax}`)
  return length
}

function uint(frame: Uint8Array, position: number, bytes: 1 | 2 | 4): number {
  let value = 0
  for (let offset = 0; offset < bytes; offset++) {
    value = value * 256 + byteAt(frame, position + offset)
  }
  return value
}

function byteAt(frame: Uint8Array, position: number): number {
  const byte = frame[position]
  if (byte === undefined) throw new ProtocolError('it ends inside a value')
  return byte
}
