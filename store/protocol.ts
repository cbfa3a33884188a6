// The native protocol of the store, the door to protocol/: its messages, limits and codecs, for the
// server and for clients. docs/protocol.md describes the bytes.

export {
  ProtocolError,
  noncesProtocolVersion,
  protocolLimits,
  protocolPath,
  protocolVersion,
  protocolVersionMin,
  sessionsProtocolVersion,
  sharedEventsProtocolVersion,
} from './protocol/messages.js'
export type {
  Answer,
  ClientMessage,
  MemberAddedResponse,
  MemberChange,
  MemberChangeKind,
  MemberListResponse,
  Request,
  RequestKind,
  ServerMessage,
  Welcome,
  WireError,
  Write,
} from './protocol/messages.js'
export { decodeClientFrame, encodeClientMessage, encodeOnceHead } from './protocol/client-codec.js'
export {
  creditOf,
  decodeServerFrame,
  encodeServerMessage,
  encodeWatchEvent,
  watchEventsChunks,
} from './protocol/server-codec.js'
export { FrameWriter } from './protocol/wire.js'
