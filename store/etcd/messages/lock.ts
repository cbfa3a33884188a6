// Messages of the Lock and Election services.

import { bytes, int64, message, nested } from '../../../platform/protobuf-message.js'
import type { Decoded } from '../../../platform/protobuf-message.js'
import { KeyValue, header } from './kv.js'

export const LockRequest = message('v3lockpb.LockRequest', { name: bytes(1), lease: int64(2) })

export const LockResponse = message('v3lockpb.LockResponse', { header, key: bytes(2) })

export const UnlockRequest = message('v3lockpb.UnlockRequest', { key: bytes(1) })

export const UnlockResponse = message('v3lockpb.UnlockResponse', { header })

export const LeaderKey = message('v3electionpb.LeaderKey', {
  name: bytes(1),
  key: bytes(2),
  rev: int64(3),
  lease: int64(4),
})
export type LeaderKey = Decoded<typeof LeaderKey>

export const CampaignRequest = message('v3electionpb.CampaignRequest', {
  name: bytes(1),
  lease: int64(2),
  value: bytes(3),
})

export const CampaignResponse = message('v3electionpb.CampaignResponse', {
  header,
  leader: nested(2, () => LeaderKey),
})

export const LeaderRequest = message('v3electionpb.LeaderRequest', { name: bytes(1) })

export const LeaderResponse = message('v3electionpb.LeaderResponse', {
  header,
  kv: nested(2, () => KeyValue),
})

export const ResignRequest = message('v3electionpb.ResignRequest', {
  leader: nested(1, () => LeaderKey),
})

export const ResignResponse = message('v3electionpb.ResignResponse', { header })

export const ProclaimRequest = message('v3electionpb.ProclaimRequest', {
  leader: nested(1, () => LeaderKey),
  value: bytes(2),
})

export const ProclaimResponse = message('v3electionpb.ProclaimResponse', { header })
